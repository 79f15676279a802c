"""From executed notebooks to HTML reports: pages, figures, key figures and their wording."""

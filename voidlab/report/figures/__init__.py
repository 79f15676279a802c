"""The figures of the reports: draw functions take tables or arrays and an ``Axes``, and return the ``Axes``."""

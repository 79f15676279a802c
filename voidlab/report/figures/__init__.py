"""The figures of the reports: draw functions take tables or arrays and an ``Axes``, and return the ``Axes``.

A function called ``show_…`` shows a whole figure below a notebook cell.
"""

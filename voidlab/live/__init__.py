"""Watch a folder while a microscope writes into it: voids, drift and tracks of each image as soon as it is there.

All that is shown is provisional: `voidlab run` makes the tables, from what is kept of each image.
"""

from voidlab.live.in_notebook import watch_folder

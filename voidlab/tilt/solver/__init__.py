"""The steps of a reconstruction: axis, first three views, linking, bundle adjustment, splitting of tracks."""

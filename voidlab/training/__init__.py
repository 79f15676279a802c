"""Labelled images, the training of the network, and the scores on its model card."""

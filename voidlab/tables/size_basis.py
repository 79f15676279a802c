"""What the radius of a void rests on: the values of the column ``size_basis``, and how far off each radius may be."""

FRINGE = "fringe"  # a sphere was fitted to what is seen around the void, out of focus
NETWORK, EDGE = "network", "edge"  # as it was detected: what a network says, or an edge
NOT_A_SIZE = "not a size"  # the fringe is wider than the void
# Relative standard errors that the voids of an image share: two of three simulated images are nearer to the truth.
SIGMA_OF_FRINGE = 0.05  # of phase, focus and shape
SIGMA_AS_DETECTED = 0.09

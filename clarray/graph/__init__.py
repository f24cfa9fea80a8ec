"""The graph compiler: variables, gradients, rewrites, fusion into kernels, and compiled functions."""

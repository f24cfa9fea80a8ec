"""Floor 1: from an operation's avals and layouts to a Plan of kernels, with no device at hand."""

"""Floor 1: from an operation's avals and layouts to a Plan of kernels, with no device at hand."""

# these declare how Ops of a class are lowered, and what of it can be tuned
from . import convolution as convolution
from . import custom as custom
from . import dense as dense
from . import fft as fft
from . import indexing as indexing
from . import inline_tuning as inline_tuning
from . import joining as joining
from . import linear as linear
from . import rows as rows
from . import scan as scan
from . import sort as sort
from . import writing as writing

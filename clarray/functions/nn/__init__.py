"""What networks are made of, eager and symbolic."""

from .convolution import conv1d as conv1d
from .convolution import conv2d as conv2d
from .convolution import conv3d as conv3d
from .rows import layer_norm as layer_norm
from .rows import log_softmax as log_softmax
from .rows import logsumexp as logsumexp
from .rows import softmax as softmax

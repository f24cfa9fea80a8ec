"""Convolutions of images beside torch (oneDNN) and JAX: the middle of a network, its first layer, 1x1, depthwise."""

from __future__ import annotations

from math import prod

import clarray as ca

from ..harness import Bench, case


def convolution(name, x, w, stride=1, padding=0, groups=1, goal=None):
    """The case of a convolution of operands of these shapes."""
    sides = [(n + 2 * padding - k) // stride + 1 for n, k in zip(x[2:], w[2:])]
    nbytes = 4 * (prod(x) + prod(w) + x[0] * w[0] * prod(sides))

    @case(f"conv2d {name}", nbytes=nbytes, flops=2.0 * x[0] * prod(sides) * prod(w), goal=goal)
    def prepare(bench: Bench):
        images, kernels = bench.draw(*x), bench.draw(*w)
        a, b = ca.asarray(images), ca.asarray(kernels)
        parts = images.shape[1] if groups > 1 else 1

        def numpy(np, x, w):
            """All windows side by side times the kernels; the windows of a depthwise one channel by channel."""
            x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
            windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::stride, ::stride]
            if parts > 1:
                return np.einsum("nchwij,cij->nchw", windows, w[:, 0])
            return np.moveaxis(np.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))), -1, 1)

        def jax(jnp, x, w):
            from jax import lax

            sides = [(padding, padding)] * 2
            return lax.conv_general_dilated(x, w, (stride, stride), sides, feature_group_count=parts)

        formulas = {
            "NumPy": numpy,
            "torch": lambda torch, x, w: torch.nn.functional.conv2d(x, w, None, stride, padding, 1, parts),
            "JAX": jax,
        }
        return {
            "ours": lambda: ca.nn.conv2d(a, b, stride, padding, groups=parts).sync(),
            **bench.beside(formulas, images, kernels),
        }


convolution("32x64x56x56, 64 of 3x3", (32, 64, 56, 56), (64, 64, 3, 3), padding=1, goal=("torch", 1.2, "cpu"))
convolution("32x64x56x56, 64 of 3x3, unpadded", (32, 64, 56, 56), (64, 64, 3, 3), goal=("torch", 1.2, "cpu"))
convolution("32x64x56x56, 128 of 3x3, stride 2", (32, 64, 56, 56), (128, 64, 3, 3), 2, 1)
convolution("32x256x28x28, 64 of 1x1", (32, 256, 28, 28), (64, 256, 1, 1))
convolution("32x3x224x224, 64 of 7x7, stride 2", (32, 3, 224, 224), (64, 3, 7, 7), 2, 3)
convolution("32x128x56x56, 3x3 depthwise", (32, 128, 56, 56), (128, 1, 3, 3), 1, 1, 128)

"""Convolutions of images beside torch (oneDNN) and JAX: the middle of a network, its first layer, 1x1, depthwise."""

from __future__ import annotations

from math import prod

import clarray as ca

from ..harness import Bench, case


def convolution(name, x, w, stride=1, padding=0, groups=1, goal=None):
    """The case of a convolution of operands of these shapes."""
    sides = [(n + 2 * padding - k) // stride + 1 for n, k in zip(x[2:], w[2:])]

    @case(f"conv2d {name}", flops=2.0 * x[0] * prod(sides) * prod(w), goal=goal)
    def prepare(bench: Bench):
        images, kernels = bench.draw(*x), bench.draw(*w)
        a, b = ca.asarray(images), ca.asarray(kernels)
        found = {"ours": lambda: ca.nn.conv2d(a, b, stride, padding, groups=groups).sync()}
        if torch := bench.peer("torch"):
            s, t = torch.from_numpy(images), torch.from_numpy(kernels)
            found["torch"] = lambda: torch.nn.functional.conv2d(s, t, None, stride, padding, 1, groups)
        if lax := bench.peer("jax.lax"):
            u, v = (bench.peer("jax.numpy").asarray(z) for z in (images, kernels))
            found["JAX"] = lambda: lax.conv_general_dilated(
                u, v, (stride, stride), [(padding, padding)] * 2, feature_group_count=groups
            ).block_until_ready()
        return found


convolution("32x64x56x56, 64 of 3x3", (32, 64, 56, 56), (64, 64, 3, 3), padding=1, goal=("torch", 1.2, "cpu"))
convolution("32x64x56x56, 64 of 3x3, unpadded", (32, 64, 56, 56), (64, 64, 3, 3), goal=("torch", 1.2, "cpu"))
convolution("32x64x56x56, 128 of 3x3, stride 2", (32, 64, 56, 56), (128, 64, 3, 3), 2, 1)
convolution("32x256x28x28, 64 of 1x1", (32, 256, 28, 28), (64, 256, 1, 1))
convolution("32x3x224x224, 64 of 7x7, stride 2", (32, 3, 224, 224), (64, 3, 7, 7), 2, 3)
convolution("32x128x56x56, 3x3 depthwise", (32, 128, 56, 56), (128, 1, 3, 3), 1, 1, 128)

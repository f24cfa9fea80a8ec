"""Drawing: boxes and arrows laid out in layers, so that every arrow points down and no two boxes overlap.

The method is that of Sugiyama, Tagawa and Toda (1981): boxes get a rank, long arrows get a point in every rank they
cross (one of which holds the arrow's label), ranks are ordered by their neighbours' mean places, and places are
then the least squares that keep this order (pooling adjacent violators).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

CHAR, LINE, PAD = 6.65, 15.0, 10.0  # pixels: of a letter, of a line of text (both at 11 pixels), around text
GAP, LAYER = 18.0, 16.0  # between boxes of a rank, between ranks
SWEEPS, FEW = 12, 3  # over the ranks; of a large drawing
LARGE = 10_000  # boxes and points
CROSSED = 40_000  # points of long arrows; where there are more, the longest go straight


@dataclass(eq=False)
class Box:
    """Lines of text in a frame; `x` and `y` are its middle once it is laid out."""

    lines: Sequence[str]
    shape: str = "box"  # box, input, shared, output, constant, host
    fill: str = "#ffffff"
    title: str = ""  # shown where the pointer is
    rank: int = 0
    x: float = 0.0
    y: float = 0.0
    width: float = field(init=False)
    height: float = field(init=False)

    def __post_init__(self) -> None:
        slant = 0 if self.shape == "box" else 14
        self.width = max(map(len, self.lines), default=0) * CHAR + 2 * PAD + slant
        self.height = len(self.lines) * LINE + PAD


@dataclass(eq=False)
class Arrow:
    """From a box to a later one; `points` are where it goes once it is laid out, `at` where its label is."""

    tail: Box
    head: Box
    label: str = ""
    points: list[tuple[float, float]] = field(default_factory=list)
    at: tuple[float, float] | None = None


@dataclass(eq=False)
class _Point:
    """Where an arrow crosses a rank."""

    arrow: Arrow
    rank: int
    width: float = 4.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0


class Drawing:
    """Boxes and arrows with places; `width` and `height` are those of the whole."""

    def __init__(self, boxes: Sequence[Box], arrows: Sequence[Arrow], title: str = "") -> None:
        self.boxes = list(boxes)
        self.arrows = list(arrows)
        self.title = title
        self.scale: tuple[float, Sequence[str]] | None = None  # the greatest time, and colours from 0 up to it
        self._rank()
        chains = self._chains()
        layers = self._layers(chains)
        self._sweeps = SWEEPS if sum(map(len, layers)) < LARGE else FEW
        self._order(layers)
        self._place(layers)
        self._route(chains)
        everything: list[Box | _Point] = [v for layer in layers for v in layer]
        self.width = max((v.x + v.width / 2 for v in everything), default=0.0)
        self.height = max((v.y + v.height / 2 for v in everything), default=0.0)

    def _rank(self) -> None:
        """A box stands below all it depends on, and one that depends on nothing right above its first use."""
        after: dict[Box, list[Box]] = {b: [] for b in self.boxes}
        waiting = dict.fromkeys(self.boxes, 0)
        for a in self.arrows:
            after[a.tail].append(a.head)
            waiting[a.head] += 1
        sources = [b for b in self.boxes if not waiting[b]]
        ready = list(sources)
        while ready:
            box = ready.pop()
            for b in after[box]:
                b.rank = max(b.rank, box.rank + 2)  # arrows' labels have the odd ranks
                waiting[b] -= 1
                if not waiting[b]:
                    ready.append(b)
        for box in sources:
            if after[box]:
                box.rank = min(b.rank for b in after[box]) - 2

    def _chains(self) -> dict[Arrow, list[_Point]]:
        """The points of each arrow; the label is in the last one, by the box that reads."""
        long = sum(a.head.rank - a.tail.rank - 1 for a in self.arrows) > CROSSED
        chains = {}
        for a in self.arrows:
            ranks = range(a.tail.rank + 1, a.head.rank)
            if long and len(ranks) > 9:
                ranks = ranks[-1:]
            chains[a] = [_Point(a, rank) for rank in ranks]
            if a.label:
                last = chains[a][-1]
                last.width, last.height = len(a.label) * CHAR * 0.9 + 6, LINE - 1
        return chains

    def _layers(self, chains: dict[Arrow, list[_Point]]) -> list[list[Box | _Point]]:
        deepest = max((b.rank for b in self.boxes), default=0)
        layers: list[list[Box | _Point]] = [[] for _ in range(deepest + 1)]
        everything: list[Box | _Point] = [*self.boxes, *(p for chain in chains.values() for p in chain)]
        for v in everything:
            layers[v.rank].append(v)
        self._above: dict[Box | _Point, list[Box | _Point]] = {v: [] for layer in layers for v in layer}
        self._below: dict[Box | _Point, list[Box | _Point]] = {v: [] for layer in layers for v in layer}
        for a, chain in chains.items():
            path: list[Box | _Point] = [a.tail, *chain, a.head]
            for v, w in itertools.pairwise(path):
                self._below[v].append(w)
                self._above[w].append(v)
        return layers

    def _order(self, layers: list[list[Box | _Point]]) -> None:
        """Sort each rank by where the neighbours of its members are, down and up in turn."""
        place: dict[Box | _Point, float] = {}
        for layer in layers:
            place.update((v, float(k)) for k, v in enumerate(layer))
        for sweep in range(self._sweeps):
            near = self._above if sweep % 2 == 0 else self._below
            for layer in layers if sweep % 2 == 0 else reversed(layers):
                wanted = {
                    v: sum(map(place.__getitem__, near[v])) / len(near[v]) if near[v] else place[v] for v in layer
                }
                layer.sort(key=wanted.__getitem__)
                place.update((v, float(k)) for k, v in enumerate(layer))

    def _place(self, layers: list[list[Box | _Point]]) -> None:
        top = 0.0
        for layer in layers:
            height = max((v.height for v in layer), default=0.0)
            x = 0.0
            for v in layer:
                v.y, v.x = top + height / 2, x + v.width / 2
                x += v.width + GAP
            top += height + LAYER
        for sweep in range(self._sweeps):
            ways = ((self._above,), (self._below,), (self._above, self._below))[sweep % 3]
            for layer in layers if sweep % 3 != 1 else reversed(layers):
                wanted = []
                for v in layer:
                    near = [w.x for way in ways for w in way[v]]
                    wanted.append(sum(near) / len(near) if near else v.x)
                for v, x in zip(layer, _spread(layer, wanted), strict=True):
                    v.x = x
        left = min((v.x - v.width / 2 for layer in layers for v in layer), default=0.0)
        for layer in layers:
            for v in layer:
                v.x -= left

    def _route(self, chains: dict[Arrow, list[_Point]]) -> None:
        """Let arrows leave and reach their boxes side by side, in the order of where they come from."""
        ends: dict[tuple[int, bool], list[Arrow]] = {}
        for a in self.arrows:
            ends.setdefault((id(a.tail), True), []).append(a)
            ends.setdefault((id(a.head), False), []).append(a)
        starts: dict[Arrow, float] = {}
        stops: dict[Arrow, float] = {}
        for (_, leaving), group in ends.items():
            box = group[0].tail if leaving else group[0].head
            group.sort(key=lambda a: chains[a][0 if leaving else -1].x)
            for k, a in enumerate(group):
                x = box.x + box.width * 0.7 * ((k + 0.5) / len(group) - 0.5)
                (starts if leaving else stops)[a] = x
        for a, chain in chains.items():
            inner = [(p.x, p.y) for p in chain]
            a.points = [(starts[a], a.tail.y + a.tail.height / 2), *inner, (stops[a], a.head.y - a.head.height / 2)]
            a.at = inner[-1] if a.label else None


def _spread(layer: Sequence[Box | _Point], wanted: Sequence[float]) -> list[float]:
    """Places in the layer's order, without overlap, as near to the wanted ones as can be."""
    offsets = [0.0]
    for v, w in itertools.pairwise(layer):
        offsets.append(offsets[-1] + (v.width + w.width) / 2 + GAP)
    pools: list[list[float]] = []  # sum, weight, members: each pool stands at its mean
    for v, x, offset in zip(layer, wanted, offsets, strict=True):
        weight = 1.0 if isinstance(v, Box) else 4.0  # arrows are rather straight
        pools.append([(x - offset) * weight, weight, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, weight, members = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += weight
            pools[-1][2] += members
    means = [total / weight for total, weight, members in pools for _ in range(int(members))]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]

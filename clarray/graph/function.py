"""function: from variables to something that can be called."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from clarray.array.gpuarray import GpuArray
from clarray.config import config
from clarray.device.context import Context
from clarray.device.current import context_for

from .arguments import In, Out, filtered
from .building import as_variable
from .ends import check_leaves, end_of, stripped, viewed
from .inside.testvalues import without_test_values
from .modes import Mode, get_mode
from .origin import user_line
from .request import as_in, as_outs, changes_of, check_distinct, converted, pairs, replacements, states_of
from .rewriting import rebuilt
from .running.compiled import Maker, outline
from .running.stages import downloaded, staged
from .running.tape import Tape
from .shared import Container, SharedVariable
from .variable import Variable
from .walk import leaves


def function(
    inputs: Sequence[Any],
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
) -> Function:
    """Compile a function of `inputs` (variables or In) that returns `outputs`: one, a list, a dict, or None.

    `updates` gives shared variables new values, computed from the old ones of all; `givens` replaces
    variables. Results are ndarrays, unless they are written `.transfer(None)`.

    Several threads may call a function. Where they update the same variables they take turns under a lock of their own:
    a call reads the values that are there when it begins.
    """
    if not isinstance(inputs, list | tuple):
        raise TypeError(f"function(): inputs is a list of variables, {type(inputs).__name__} came; write [x]")
    specs = [as_in(x, allow_input_downcast) for x in inputs]
    check_distinct(specs)
    keys, outs = as_outs(outputs)
    states = states_of(specs)
    named = pairs(updates, "updates")
    for variable, _ in named:
        if not isinstance(variable, SharedVariable):
            raise TypeError(f"function(): updates are of shared variables, {variable!r} is none")
    replaced = replacements(givens, [s.variable for s in specs])
    changes = changes_of(named, outs, replaced, no_default_updates)
    changes |= {shared: as_variable(spec.update) for spec, shared in states.items() if spec.update is not None}
    return class_for(profile)(
        specs, keys, outs, converted(changes), replaced | {s.variable: v for s, v in states.items()},
        name or _default_name(), get_mode(mode), on_unused_input or "raise",
        single=outputs is not None and not isinstance(outputs, list | tuple | dict),
        nothing=outputs is None, **({} if profile is None else {"profile": profile}),
    )  # fmt: skip


def class_for(profile: Any) -> type[Function]:
    """The class of functions that keep a profile, if one is wanted; by the flag of that name where nothing is said."""
    from .inside.profiled import ProfiledFunction

    return ProfiledFunction if (config.profile if profile is None else profile) else Function


class Function:
    """A compiled function. Calling it enqueues its kernels; results that are ndarrays are waited for."""

    @without_test_values
    def __init__(
        self,
        specs: Sequence[In],
        keys: Sequence[str] | None,
        outs: Sequence[Out],
        updates: Mapping[SharedVariable, Variable],
        replaced: Mapping[Variable, Variable],
        name: str,
        mode: Mode,
        on_unused: str,
        single: bool,
        nothing: bool,
        profile: Any = None,
    ) -> None:
        self.name = name
        self.trust_input = False
        self.profile = None
        self._recipe: dict[str, Any] = {
            "specs": specs, "keys": keys, "outs": outs, "updates": updates, "replaced": replaced, "mode": mode,
            "on_unused": on_unused, "single": single, "nothing": nothing,
        }  # fmt: skip
        self._states: dict[In, SharedVariable] = {
            s: x for s in specs if isinstance(x := replaced.get(s.variable), SharedVariable)
        }
        self._specs = [s for s in specs if s not in self._states]
        self._keys, self._single, self._nothing = keys, single, nothing
        wanted = [stripped(out.variable) for out in outs]
        self._kinds = [end_of(out.variable) for out in outs]
        targets = list(updates)
        applied = mode.log
        given = [s.variable for s in self._specs]
        results = rebuilt([*wanted, *updates.values()], replaced, given, mode.query, applied)
        self._targets = [t.container for t in targets]
        arguments = [s.variable for s in self._specs]
        found = leaves(results, arguments)
        shared = [x for x in found if isinstance(x, SharedVariable)]
        check_leaves(name, self._specs, found, [*wanted, *updates.values(), *replaced.values()], on_unused)
        stored = [*[None] * len(wanted), *(t.container.context for t in targets)]
        self._stages = staged([*arguments, *shared], results, mode.fuses, stored)
        self._last_stage = self._stages[-1]
        self._schedule = schedule = self._last_stage.schedule
        self._containers = [x.container for x in shared]
        self._shared = shared
        self._arity = len(arguments)
        kinds = [*self._kinds, *("device" if t.context is not None else "host" for t in self._targets)]
        self._on_device = [kind == "device" for kind in kinds]
        self._plain_result = single and not targets
        borrowed = {s.variable for s in self._specs if s.borrow}
        fresh = [kind == "device" for kind in kinds]
        for k, out in enumerate(outs):  # a borrowed argument may come back in a borrowed output
            if out.borrow and fresh[k] and viewed(results[k]) in borrowed:
                fresh[k] = False
        self._last_stage.fresh = fresh
        for stage in self._stages:
            stage.schedule.in_place = mode.in_place
            stage.watcher = mode.watcher(self, applied)
        on_devices = all(c.context is not None for c in self._containers)
        self._plain = len(self._stages) == 1 and all(schedule.wanted) and not schedule.needed and on_devices
        self._free = [k for k in range(self._arity) if schedule.where.get(schedule.leaves[k]) is None]
        self._home: Context | None = next(iter(schedule.fixed)) if len(schedule.fixed) == 1 else None
        self._tapes = self._last_stage.tapes
        self._last: Any = None
        schedules = [stage.schedule for stage in self._stages]
        ends = [["host" if x in s.asked else "device" for x in s.schedule.outputs] for s in self._stages[:-1]]
        self.maker = Maker(outline([*arguments, *shared], schedules, [*ends, kinds]), arguments, self)

    # calling

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Run; returns one result, a list, or a dict, as the function was made."""
        subset = named.pop("output_subset", None) if named else None
        if subset is not None:
            self._check_subset(subset)
        if named or len(args) != self._arity:
            args, states = self._ordered(args, named)
            if states:
                return self._from_states(states, args, subset)
        tape = None
        if self._plain:
            key: list[Any] = []
            blocks: list[Any] = []
            for x in args:
                if type(x) is not GpuArray:
                    break
                block = x.block
                key += (x.layout, x.offset, block.context)
                blocks.append(block)
            else:
                for container in self._containers:
                    x = container.value
                    key += (x.layout, x.offset)
                    blocks.append(x.block)
                tape = self._tapes.get(tuple(key))
        if tape is None:
            tape, blocks = self._prepared(args)
        elif tape is not self._last:
            self._last = tape
            with suppress(KeyError):  # another thread may just have let it go
                self._tapes.move_to_end(tuple(key))
        slots = tape.run(blocks)
        if self._plain_result and self._on_device[0]:  # what follows, without its loops
            slot, layout, offset = tape.results[0]
            return GpuArray(layout, offset, slots[slot])  # type: ignore[arg-type]
        results: list[Any] = []
        for on_device, (slot, layout, offset) in zip(self._on_device, tape.results):
            if on_device:
                results.append(GpuArray(layout, offset, slots[slot]))  # type: ignore[arg-type]
            else:
                results.append(downloaded(slots[slot], layout, offset) if layout is not None else offset.copy())
        if self._plain_result:
            return results[0]
        count = len(self._kinds)
        for container, value in zip(self._targets, results[count:], strict=True):
            container.value = value
        if self._single:
            return results[0]
        if self._nothing:
            return []
        if self._keys is not None:
            found = dict(zip(self._keys, results[:count], strict=True))
            return found if subset is None else {k: found[k] for k in subset}
        return results[:count] if subset is None else [results[k] for k in subset]

    def _prepared(self, args: Sequence[Any]) -> tuple[Tape, list[Any]]:
        """The tape for these arguments and the blocks of the leaves, arguments filtered and uploaded."""
        checked = [x if self.trust_input else self._filtered(k, x) for k, x in enumerate(args)]
        home = self._choose_home(checked)
        values = dict(zip(self._schedule.leaves, (*checked, *(c.value for c in self._containers)), strict=False))
        for stage in self._stages[:-1]:
            tape, blocks = stage.prepared(values, home, self._arity, self._where)
            stage.advance(tape.run(blocks), tape, values)
        return self._last_stage.prepared(values, home, self._arity, self._where)

    def _choose_home(self, args: Sequence[Any]) -> Context:
        """Where the arguments are that no operation ties to a place, else where the rest is, else the default."""
        for k in self._free:
            if isinstance(args[k], GpuArray):
                return args[k].context
        return self._home or context_for()

    def _filtered(self, k: int, value: Any) -> Any:
        spec = self._specs[k]
        return filtered(value, spec.variable, spec.strict, spec.allow_downcast, self._where(k))

    def _where(self, k: int) -> str:
        spec = self._specs[k]
        return f"argument {k} {f'({spec.name}) ' if spec.name else ''}of function {self.name}"

    def _ordered(self, args: Sequence[Any], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[SharedVariable, Any]]:
        """Positional arguments, with those given by name and the defaults put in their places; values of states."""
        if len(args) > self._arity:
            raise TypeError(f"function {self.name} takes {self._arity} arguments, {len(args)} came")
        states: dict[SharedVariable, Any] = {}
        values: list[Any] = list(args) + [_MISSING] * (self._arity - len(args))
        for name, value in named.items():
            matches = [k for k, s in enumerate(self._specs) if s.name == name]
            state = next((s for s in self._states if s.name == name), None)
            if state is not None:
                states[self._states[state]] = value
                continue
            if len(matches) != 1:
                names = ", ".join(s.name or "(unnamed)" for s in self._specs) or "none"
                raise TypeError(f"function {self.name} has {len(matches) or 'no'} input named {name!r}; it has {names}")
            if values[matches[0]] is not _MISSING:
                raise TypeError(f"function {self.name}: input {name!r} came twice")
            values[matches[0]] = value
        missing = []
        for k, spec in enumerate(self._specs):
            if values[k] is _MISSING:
                if spec.value is None:
                    missing.append(str(spec.name or spec.variable))
                values[k] = spec.value.get_value() if isinstance(spec.value, SharedVariable) else spec.value
        if missing:
            raise TypeError(f"function {self.name} misses its input{'s' * (len(missing) > 1)} {', '.join(missing)}")
        return tuple(values), states

    def _from_states(self, states: Mapping[SharedVariable, Any], args: Sequence[Any], subset: Any) -> Any:
        """A call that begins from these values of states; they are as they were if it fails."""
        before = [(state.container, state.container.value) for state in states]
        try:
            for state, value in states.items():
                state.container.value = state.container.value.copy()  # set_value writes over what is there
                state.set_value(value)
            return Function.__call__(self, *args, output_subset=subset)
        except BaseException:
            for container, value in before:
                container.value = value
            raise

    def _check_subset(self, subset: Any) -> None:
        """KeyError, IndexError or TypeError for an `output_subset` that names no output; nothing has run yet."""
        if self._single or self._nothing:
            raise TypeError(f"function {self.name}: output_subset is of functions that return a list or a dict")
        for k in subset:
            if self._keys is not None and k not in self._keys:
                raise KeyError(f"function {self.name} has no output {k!r}; it has {', '.join(self._keys)}")
            if self._keys is None and not -len(self._kinds) <= k < len(self._kinds):
                raise IndexError(f"function {self.name} has {len(self._kinds)} outputs, output_subset asks for {k}")

    # what it is

    def get_shared(self) -> list[SharedVariable]:
        """The shared variables that it reads or updates."""
        updated = [x for x in self._recipe["updates"] if x not in self._shared]
        return [x for x in (*self._shared, *updated) if x not in self._states.values()]

    def copy(
        self,
        share_memory: bool = False,
        swap: Mapping[SharedVariable, SharedVariable] | None = None,
        delete_updates: bool = False,
        name: str | None = None,
        profile: Any = None,
    ) -> Function:
        """Another function of the same graph, over other shared variables for those in `swap`, or without updates."""
        recipe = {**self._recipe, "on_unused": "ignore"}
        swapped: dict[Variable, SharedVariable] = dict((swap or {}).items())
        own = self.get_shared()
        for old, new in swapped.items():
            if old not in own:
                raise ValueError(f"copy(): {old} is not a shared variable of function {self.name}")
            if not isinstance(new, SharedVariable) or new.type != old.type:
                raise TypeError(f"copy(): {new} cannot take the place of {old}, which is {old.type}")
        for state in self._states.values():  # the copy has states of its own
            swapped[state] = fresh = state.clone()
            fresh.container = Container(state.get_value(return_internal_type=True), state.container.context)
        if delete_updates:
            recipe["updates"] = {}
        else:
            recipe["updates"] = {swapped.get(s, s): v for s, v in recipe["updates"].items()}
        replaced = {x: swapped.get(v, v) for x, v in recipe["replaced"].items()}
        recipe["replaced"] = replaced | {old: new for old, new in swapped.items() if old not in replaced}
        values = rebuilt(list(recipe["replaced"].values()), dict(swapped), phases=())
        recipe["replaced"] = dict(zip(recipe["replaced"], values, strict=True))
        return class_for(profile)(**recipe, name=name or self.name, **({} if profile is None else {"profile": profile}))

    __copy__ = copy

    def __reduce__(self) -> Any:
        from .pickling import reduced_function

        return reduced_function(self)

    def __getitem__(self, item: Any) -> Any:
        """The value of a state or of a shared variable."""
        return self._find(item).get_value()

    def __setitem__(self, item: Any, value: Any) -> None:
        self._find(item).set_value(value)

    def _find(self, item: Any) -> SharedVariable:
        for spec, state in self._states.items():
            if item is spec.variable or item == spec.name:
                return state
        for x in self.get_shared():
            if item is x or (isinstance(item, str) and item == x.name):
                return x
        raise KeyError(f"function {self.name} has no state {item}")

    def plot(self, path: Any = None) -> str:
        """What it runs as SVG, written to `path` if there is one: a box for each kernel and transfer.

        Arrows say dtype and shape (of the last call). Where it was profiled, colours say how long kernels took.
        """
        from .inside.picture import plot

        return plot(self, path)

    def sync_shared(self) -> None:
        """Wait for its shared variables."""
        for container in self._containers:
            if isinstance(container.value, GpuArray):
                container.value.sync()

    def free(self) -> None:
        """Forget what was bound for arguments seen so far."""
        for stage in self._stages:
            stage.tapes.clear()

    def __repr__(self) -> str:
        return f"<clarray function {self.name}>"


_MISSING: Any = object()


def _default_name() -> str:
    file, _, line = user_line().rpartition(":")
    return f"{os.path.basename(file)}:{line}" if file else "function"


def evaluate(x: Variable, inputs: Mapping[Any, Any], options: dict[str, Any]) -> Any:
    """`x.eval(inputs)`: the function is made once for each set of inputs."""
    given = [v for v in inputs if isinstance(v, Variable)]
    named = [v for v in inputs if isinstance(v, str)]
    if named:
        by_name = {v.name: v for v in leaves([x]) if v.name}
        inputs = {by_name.get(k, k): v for k, v in inputs.items()}
        given = list(inputs)
    for v in given:
        if not isinstance(v, Variable):
            raise KeyError(f"eval(): {x} depends on no variable named {v!r}")
    if not isinstance(x, Variable):
        raise TypeError(f"eval() is of a variable, {type(x).__name__} came")
    cache: dict[Any, Function] = x.__dict__.setdefault("_functions", {})
    key = tuple(given)
    if key not in cache:
        cache[key] = function(given, x, on_unused_input="ignore", name=f"{x}.eval", **options)
    return cache[key](*inputs.values())

"""Tables: numbers that never change, such as roots of unity, on the device as long as a launcher needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
import pyopencl as cl

from clarray.codegen.plan import Table

from .memory import Block

if TYPE_CHECKING:
    from .context import Context

_tables: WeakKeyDictionary[Context, WeakValueDictionary[Table, Block]] = WeakKeyDictionary()


def table_block(context: Context, table: Table) -> Block:
    """A table's numbers in the context's memory: made once, freed with the last launcher that holds the block."""
    kept = _tables.setdefault(context, WeakValueDictionary())
    block = kept.get(table)
    if block is None:
        numbers = np.ascontiguousarray(table.make(*table.arguments))
        if context.traits.unified:
            block = context.memory.adopt(numbers)
        else:
            block = context.memory.allocate(numbers.nbytes)
            cl.enqueue_copy(context.queue, block.buffer, numbers, is_blocking=True)
        kept[table] = block
    return block

"""A state that each call changes, read before it is, replaced for a call, and copied."""

import clarray as theano
import clarray.tensor as T

state = theano.shared(0, name="state")
inc = T.lscalar("inc")
accumulate = theano.function([inc], state, updates=[(state, state + inc)])
decrease = theano.function([inc], state, updates={state: state - inc})

before = [accumulate(1), accumulate(300)]
after = state.get_value()
state.set_value(-1)
again = accumulate(3), state.get_value()
decreased = decrease(2), state.get_value()

# `foo` takes the place of the state for this function alone
foo = T.scalar(dtype=state.dtype)
skip = theano.function([inc, foo], state * 2 + inc, givens=[(state, foo)])
skipped, untouched = skip(1, 3), state.get_value()

other = theano.shared(0, name="other")
accumulate_other = accumulate.copy(swap={state: other})
accumulate_other(100)
swapped = other.get_value(), state.get_value()

null = accumulate.copy(delete_updates=True)
looked = null(9000), state.get_value()

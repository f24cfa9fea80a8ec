"""Python functions traced into graphs: jit, grad and value_and_grad."""

"""Floor 3: GpuArray and the eager evaluation of Ops."""

"""Floor 2: devices, contexts, memory, programs and launches; pyopencl lives here."""

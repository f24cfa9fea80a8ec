"""Floor 4: the Array API's chapters. They normalise arguments and bind Ops; nothing is computed here."""

"""Floor 5: what others ask of an array: NumPy's protocols, and the Array API's."""

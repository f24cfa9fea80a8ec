"""Looking at graphs: `debugprint` and `pp`."""

from clarray.graph.printing import debugprint, pp

pprint = pp

__all__ = ["debugprint", "pp", "pprint"]

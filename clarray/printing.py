"""Looking at graphs: `debugprint`, `pp` and `pydotprint`; `Print` looks at values."""

from clarray.graph.picture import pydotprint
from clarray.graph.printing import debugprint, pp
from clarray.graph.showing import Print

pprint = pp

__all__ = ["Print", "debugprint", "pp", "pprint", "pydotprint"]

"""Looking at graphs: `debugprint`, `pp` and `pydotprint`; `Print` looks at values."""

from clarray.graph.inside.picture import pydotprint
from clarray.graph.inside.printing import debugprint, pp
from clarray.graph.inside.showing import Print

pprint = pp

__all__ = ["Print", "debugprint", "pp", "pprint", "pydotprint"]

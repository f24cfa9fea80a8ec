"""Looking at graphs: `debugprint`, `pp` and `pydotprint`; `Print` looks at values."""

from clarray.graph.picture import pydotprint
from clarray.graph.printing import debugprint, pp

pprint = pp

__all__ = ["debugprint", "pp", "pprint", "pydotprint"]

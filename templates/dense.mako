## One step of a dense decomposition: each has a file of its own.
<%page args="spec"/>\
<%include file="/dense/${spec.step}.mako" args="spec=spec"/>\

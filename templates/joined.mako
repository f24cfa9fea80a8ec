<%page args="spec"/>\
<%namespace name="elementwise" file="elementwise.mako"/>\
## Several elementwise pieces one after another, each shared out over all work-items.
kernel void kernel_main(
% for k, piece in enumerate(spec.pieces):
    ${elementwise.parameters(piece, f"_{k}")}\
${"," if k + 1 < len(spec.pieces) else ")"}
% endfor
{
% for k, piece in enumerate(spec.pieces):
    {
    ${elementwise.walk(piece, f"_{k}")}
    }
% endfor
}

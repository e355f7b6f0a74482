# Renders host.mako over the data on its standard input as often as it is told: mako_render.py TIMES TEMPLATE.
# Prints the seconds that it took, then the text.
import json, sys, time
from mako.template import Template

times, instance = int(sys.argv[1]), json.load(sys.stdin)
template = Template(filename=sys.argv[2])
template.render(instance=instance)
began = time.perf_counter()
for _ in range(times):
    text = template.render(instance=instance)
print(time.perf_counter() - began)
sys.stdout.write(text)

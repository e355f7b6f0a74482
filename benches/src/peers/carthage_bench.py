# The same work with Carthage: carthage_bench.py OBJECTS TASKS DIRECTORY
import asyncio
import sys
from pathlib import Path

import carthage
from carthage import *
from carthage.dependency_injection import *
from carthage.setup_tasks import *

objects, tasks, root = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])


def make(i):
    def task(self):
        (Path(self.stamp_path) / f"out{i}").write_text("x" * 20)

    task.__name__ = f"task_{i}"
    return setup_task(f"task {i}")(task)


class Base(SetupTaskMixin, AsyncInjectable):
    def __init__(self, num=0, **kwargs):
        self.num = num
        super().__init__(**kwargs)

    @property
    def stamp_subdir(self):
        return f"objs/{self.num}"


Thing = type("Thing", (Base,), {f"task_{i}": make(i) for i in range(tasks)})


async def main():
    injector = carthage.base_injector.claim("bench").get_instance(AsyncInjector)
    config = injector.injector(carthage.ConfigLayout)
    config.base_dir = str(root)
    config.cache_dir = str(root / "cache")
    config.state_dir = str(root / "state")
    await asyncio.gather(*[injector(Thing, num=i) for i in range(objects)])


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
carthage.base_injector.replace_provider(InjectionKey(asyncio.AbstractEventLoop), loop, close=False)
loop.run_until_complete(main())

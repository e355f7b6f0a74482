# OBJECTS objects with TASKS tasks each, chained within an object.
import os


def write(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("x" * 20)


def task_write():
    for i in range(OBJECTS):
        for j in range(TASKS):
            path = f"o{i}/s{j}"
            task = {"name": f"{i}_{j}", "actions": [(write, [path])], "targets": [path], "verbosity": 0}
            if j:
                task["file_dep"] = [f"o{i}/s{j - 1}"]
            else:
                task["uptodate"] = [True]
            yield task

# The resources of site.json as a deploy of pyinfra.
import json
from io import StringIO
from pathlib import Path

from pyinfra.operations import apt, files, server

site = json.loads((Path(__file__).parent / "site.json").read_text())
for group in site["groups"]:
    server.group(name=f"group {group}", group=group)
for user in site["users"]:
    server.user(name=f"user {user['name']}", user=user["name"], group=user["group"], shell="/bin/bash", create_home=True)
for user in site["users"]:
    server.user_authorized_keys(
        name=f"key {user['name']}", user=user["name"], group=user["group"], public_keys=[user["key"]]
    )
for path in site["directories"]:
    files.directory(name=f"directory {path}", path=path, mode="755", user="root")
for path, content in site["files"]:
    files.put(name=f"file {path}", src=StringIO(content), dest=path, mode="644", user="root")
for path, target in site["links"]:
    files.link(name=f"link {path}", path=path, target=target)
for line in site["lines"]:
    files.line(name=f"line {line}", path="/etc/hosts", line=line)
for package in site["packages"]:
    apt.packages(name=f"package {package}", packages=[package])
for key, value, path in site["settings"]:
    server.sysctl(name=f"setting {key}", key=key, value=int(value), persist=True, persist_file=path)

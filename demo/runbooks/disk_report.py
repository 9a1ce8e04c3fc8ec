"""Which file systems are how full. Parameters: path (text), warn_percent (number)."""

import json
import os
import shutil
import sys

with open(os.environ["FARHAND_PARAMETERS"], encoding="utf-8") as file:
    parameters = json.load(file)

path = parameters.get("path", "/")
warn = parameters.get("warn_percent", 90)
usage = shutil.disk_usage(path)
percent = 100 * usage.used / usage.total
print(f"{path}: {usage.used / 2**30:.1f} of {usage.total / 2**30:.1f} GiB used, {percent:.0f} %")
if percent >= warn:
    print(f"{path} is fuller than {warn} %", file=sys.stderr)
    sys.exit(3)

"""Whether what we install has known vulnerabilities: `make audit`.

pip-audit alone would pass where it can ask nobody: a package of which the advisory service knows
nothing it leaves out, and a service that is away ends in a traceback. Here either is said in one
sentence and is no pass.
"""

import json
import subprocess
import sys
from typing import Any

FOUND, NOT_ASKED = 1, 2


def audit(program: list[str], files: list[str]) -> int:
    """Ask the advisory service about every package of `files`, print what it says and return 0 only
    if it knows of nothing. `program` is pip-audit."""
    options = ["--format", "json", "--progress-spinner", "off", "--disable-pip"]
    named = [word for file in files for word in ("--requirement", file)]
    done = subprocess.run([*program, *options, *named], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        return not_audited(f"the advisory service cannot be reached ({' '.join(said)[:300]})")
    left_out = [package["name"] for package in packages if "skip_reason" in package]
    findings = [(package, finding) for package in packages for finding in package.get("vulns", [])]
    for package, finding in findings:
        print(told(package, finding))
    if left_out:
        return not_audited(
            f"the advisory service knows nothing of {len(left_out)} of {len(packages)} packages, "
            f"{left_out[0]} among them: this network does not let it be asked"
        )
    if findings:
        print(f"{len(findings)} known vulnerabilities in {len(packages)} packages.")
        return FOUND
    print(f"{len(packages)} packages without a known vulnerability.")
    return 0


def told(package: dict[str, Any], finding: dict[str, Any]) -> str:
    names = " ".join([finding["id"], *finding.get("aliases", [])])
    mended = ", ".join(finding.get("fix_versions", [])) or "no version yet"
    return f"{package['name']} {package['version']}: {names}, mended in {mended}"


def not_audited(why: str) -> int:
    print(f"Not audited: {why}. Run it where it can be.", file=sys.stderr)
    return NOT_ASKED


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1:2], sys.argv[2:]))

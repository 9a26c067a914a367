# SPDX-License-Identifier: Apache-2.0
"""Finds in workflows and actions for GitHub what actionlint would: unknown and doubled keys, names
in expressions that are nowhere, actions that are not pinned, expressions pasted into scripts, and
what shellcheck says of those. (actionlint itself is no Debian package.)

    for complaint in check_workflow(text, {"tokenry/tokenry/integrations/github-action": action}):
        print(complaint)
"""

import re
import subprocess

import yaml

WORKFLOW = {"name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs"}
JOB = {"name", "needs", "permissions", "runs-on", "environment", "concurrency", "outputs", "env",
       "defaults", "if", "steps", "timeout-minutes", "strategy", "continue-on-error", "container",
       "services", "uses", "with", "secrets"}
STEP = {"id", "if", "name", "uses", "run", "working-directory", "shell", "with", "env",
        "continue-on-error", "timeout-minutes"}
ACTION = {"name", "author", "description", "branding", "inputs", "outputs", "runs"}
EVENTS = {"push", "pull_request", "workflow_dispatch", "workflow_call", "schedule", "release",
          "deployment", "create", "delete"}
CONTEXTS = {"github", "env", "vars", "job", "steps", "runner", "secrets", "strategy", "matrix",
            "needs", "inputs"}
FUNCTIONS = {"always", "success", "failure", "cancelled", "contains", "startswith", "endswith",
             "format", "join", "tojson", "fromjson", "hashfiles"}
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")


class Loader(yaml.SafeLoader):
    """`on` is a word, and a key that stands twice is an error."""


def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    if len(set(keys)) != len(keys):
        raise yaml.YAMLError(f"a key stands twice: {keys}")
    return loader.construct_mapping(node, deep=True)


Loader.yaml_implicit_resolvers = {
    first: [row for row in rows if row[0] != "tag:yaml.org,2002:bool"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_constructor("tag:yaml.org,2002:map", mapping)


def load(text):
    return yaml.load(text, Loader)


def strings(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def expressions(text):
    for found in re.finditer(r"\$\{\{(.*?)\}\}", text, re.DOTALL):
        yield found.group(1)
    if text.count("${{") != len(re.findall(r"\$\{\{.*?\}\}", text, re.DOTALL)):
        yield "${{"


def check_expression(text, known):
    """`known`: {"steps": {id: outputs or None}, "matrix": names, "inputs": names}."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", text)
    if "${{" in bare or bare.count("(") != bare.count(")") or '"' in bare:
        yield f"`{text.strip()}` is no expression"
        return
    for name in re.findall(r"\b([A-Za-z_][\w-]*)\s*\(", bare):
        if name.lower() not in FUNCTIONS:
            yield f"there is no function {name}"
    for path in re.findall(r"(?<![\w.'-])([A-Za-z_][\w-]*(?:\.[\w*-]+)+)", bare):
        first, *rest = path.split(".")
        if first not in CONTEXTS:
            yield f"there is no {first} in `{text.strip()}`"
        elif first in ("matrix", "inputs") and rest[0] not in known[first]:
            yield f"there is no {path}"
        elif first == "steps":
            if rest[0] not in known["steps"]:
                yield f"no step before it has the id {rest[0]}"
            outputs = known["steps"].get(rest[0])
            if outputs is not None and rest[1:2] == ["outputs"] and rest[2] not in outputs:
                yield f"step {rest[0]} has no output {rest[2]}"


def check_script(script, shell):
    if "${{" in script:
        yield "an expression stands in a script: give it by env"
        return
    done = subprocess.run(["shellcheck", f"--shell={shell or 'bash'}", "-"], input=script,
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        yield f"shellcheck: {done.stdout.strip()}"


def check_use(step, actions):
    uses = step["uses"]
    if not uses.startswith("./") and not PINNED.match(uses):
        yield f"{uses} is not pinned to a commit"
    action = actions.get(uses.split("@")[0])
    given = step.get("with", {})
    for name in given if action is not None else ():
        if name not in action["inputs"]:
            yield f"{uses} has no input {name}"
    for name, row in (action or {"inputs": {}})["inputs"].items():
        if row.get("required") and name not in given:
            yield f"{uses} needs the input {name}"


def unknown(node, keys, what):
    for key in set(node) - keys:
        yield f"{what} has no key {key}"


def check_steps(steps, known, actions):
    known = {**known, "steps": {}}
    for number, step in enumerate(steps, 1):
        where = step.get("name", step.get("id", f"step {number}"))
        found = list(unknown(step, STEP, "a step"))
        if ("uses" in step) == ("run" in step):
            found.append("a step has either `uses` or `run`")
        found += check_use(step, actions) if "uses" in step else \
            check_script(step.get("run", ""), step.get("shell"))
        condition = step.get("if")
        texts = list(strings(step)) + ([f"${{{{ {condition} }}}}"]
                                       if condition and "${{" not in condition else [])
        for text in texts:
            for expression in expressions(text):
                found += check_expression(expression, known)
        if "id" in step:
            if step["id"] in known["steps"]:
                found.append(f"the id {step['id']} stands twice")
            action = actions.get(step.get("uses", "").split("@")[0])
            known["steps"][step["id"]] = set(action["outputs"]) if action else None
        yield from (f"{where}: {one}" for one in found)


def check_workflow(text, actions):
    try:
        workflow = load(text)
    except yaml.YAMLError as error:
        yield str(error)
        return
    yield from unknown(workflow, WORKFLOW, "a workflow")
    triggers = workflow.get("on", {})
    for event in [triggers] if isinstance(triggers, str) else triggers:
        if event not in EVENTS:
            yield f"there is no event {event}"
    if "permissions" not in workflow:
        yield "without `permissions` the workflow's own token may do everything"
    for name, job in workflow.get("jobs", {}).items():
        yield from unknown(job, JOB, f"job {name}")
        for needed in [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", []):
            if needed not in workflow["jobs"]:
                yield f"job {name} needs {needed}, which is nowhere"
        matrix = set(job.get("strategy", {}).get("matrix", {})) - {"include", "exclude"}
        known = {"matrix": matrix, "inputs": set(), "steps": {}}
        for text in strings({key: value for key, value in job.items() if key != "steps"}):
            for expression in expressions(text):
                yield from (f"job {name}: {one}" for one in check_expression(expression, known))
        yield from check_steps(job.get("steps", []), known, actions)


def check_action(text):
    try:
        action = load(text)
    except yaml.YAMLError as error:
        yield str(error)
        return
    yield from unknown(action, ACTION, "an action")
    known = {"matrix": set(), "inputs": set(action.get("inputs", {})), "steps": {}}
    steps = action["runs"].get("steps", [])
    for number, step in enumerate(steps, 1):
        if "run" in step and "shell" not in step:
            yield f"step {number} of a composite action needs `shell`"
    yield from check_steps(steps, known, {})
    ids = {"steps": {step["id"]: None for step in steps if "id" in step}}
    for text in strings(action.get("outputs", {})):
        for expression in expressions(text):
            yield from check_expression(expression, known | ids)
    used = set(re.findall(r"inputs\.([\w-]+)", text_of(steps)))
    for name in set(action.get("inputs", {})) - used:
        yield f"the input {name} is used nowhere"


def text_of(node):
    return "\n".join(strings(node))

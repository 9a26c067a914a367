#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks docs/openapi.yaml against the route table and against itself.

    check_openapi.py PRINT-ROUTES OPENAPI-YAML

Every route is documented and nothing else is; every $ref leads somewhere and every component is
used; every operation has an id of its own, a success, its errors; every {parameter} of a path
is described; plain YAML without merge keys, which not every reader knows.
"""

import re
import subprocess
import sys

import yaml

METHODS = {"get", "head", "post", "put", "patch", "delete"}
PUBLIC = {"/api/v1/auth/health", "/api/v1/system/health"}
SIGNED = {"/api/v1/leaks/github"}  # by a scanner's key, without a token
# Any token that is known may, whatever its scopes.
POSSESSION = {"/api/v1/auth/revoke"}


def routes(program):
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split("\n")
    return {tuple(line.split(" ", 1)) for line in lines if line}


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, item, operation


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document, reference):
    node = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def check_routes(document, program):
    documented = {(method.upper(), path) for path, method, _, _ in operations(document)}
    served = routes(program)
    for method, path in sorted(served - documented):
        yield f"{method} {path} is served and not documented"
    for method, path in sorted(documented - served):
        yield f"{method} {path} is documented and not served"


def check_references(document):
    used = set(references(document))
    for reference in sorted(used):
        try:
            resolve(document, reference)
        except (KeyError, TypeError):
            yield f"{reference} leads nowhere"
    for kind, rows in document["components"].items():
        for name in rows:
            if kind != "securitySchemes" and f"#/components/{kind}/{name}" not in used:
                yield f"components/{kind}/{name} is used nowhere"


def check_operation(document, path, method, item, operation):
    where = f"{method.upper()} {path}"
    for member in ("operationId", "summary", "tags", "responses"):
        if member not in operation:
            yield f"{where} has no {member}"
    statuses = set(operation["responses"])
    if not any(status.startswith("2") for status in statuses):
        yield f"{where} has no success"
    needed = {"503"} if path in PUBLIC else {"400", "401", "403", "503"}
    if path in POSSESSION:
        needed.remove("403")
    if path in SIGNED:
        needed.remove("401")
    for status in sorted(needed - statuses):
        yield f"{where} does not say when it is {status}"
    if (path in PUBLIC | SIGNED) != (operation.get("security") == []):
        yield f"{where}: whether it is public is not what it says"
    if method in ("post", "put", "patch") and path != "/auth" and \
            "required" not in operation.get("requestBody", {}):
        yield f"{where} does not say whether it needs a requestBody"
    parameters = [resolve(document, row["$ref"]) if "$ref" in row else row
                  for row in item.get("parameters", []) + operation.get("parameters", [])]
    described = {row["name"] for row in parameters if row["in"] == "path"}
    if described != set(re.findall(r"{(\w+)}", path)):
        yield f"{where}: the parameters of its path are not those that are described"
    for status, response in operation["responses"].items():
        if "$ref" in response:
            response = resolve(document, response["$ref"])
        if not response.get("description"):
            yield f"{where} {status} has no description"
        if status >= "400" and path not in PUBLIC and \
                "application/problem+json" not in response["content"]:
            yield f"{where} {status} is no problem+json"


def check_operations(document):
    seen = set()
    for path, method, item, operation in operations(document):
        yield from check_operation(document, path, method, item, operation)
        if operation.get("operationId") in seen:
            yield f"operationId {operation['operationId']} stands twice"
        seen.add(operation.get("operationId"))


def check_schemas(document):
    """Members that are required exist; members that clients send have closed objects."""
    for name, schema in document["components"]["schemas"].items():
        known = set(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            known |= set(resolve(document, part["$ref"])["properties"])
        for member in schema.get("required", []):
            if member not in known:
                yield f"schema {name}: {member} is required and not described"
        if name.endswith(("Request", "Create", "Update", "Put")) and \
                schema.get("additionalProperties") is not False:
            yield f"schema {name}: unknown members are refused, and it does not say so"


def main():
    program, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    document = yaml.safe_load(text)
    faults = [] if document["openapi"].startswith("3.1.") else ["it is not OpenAPI 3.1"]
    if re.search(r"^\s*<<:", text, re.MULTILINE):
        faults.append("it has a merge key")
    for check in (check_references, check_operations, check_schemas):
        faults += check(document)
    faults += check_routes(document, program)
    for fault in faults:
        print(f"{path}: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

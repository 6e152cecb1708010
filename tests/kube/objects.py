"""Objects of Kubernetes for tests, as short calls."""


def node(address="10.0.0.1", name="node-1", **labels):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "status": {"addresses": [{"type": "InternalIP", "address": address}]}}


def service(name="web", node_port=30080, ns="shop", **more):
    spec = {"type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": node_port}], **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ns}, "spec": spec}


def listener(name, port, protocol="HTTP", hostname=None, tls=None, allowed=None):
    made = {"name": name, "port": port, "protocol": protocol}
    for key, value in (("hostname", hostname), ("tls", tls), ("allowedRoutes", allowed)):
        if value:
            made[key] = value
    return made


def gateway(name="gw", ns="shop", listeners=None, created=None, gateway_class="khap", **more):
    metadata = {"name": name, "namespace": ns, **({"creationTimestamp": created} if created else {})}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata,
            "spec": {"gatewayClassName": gateway_class, "listeners": listeners or [listener("http", 80)], **more}}


def typed(pairs):
    return [{"name": k, "value": v} if isinstance(v, str) else {"name": k, "type": v[0], "value": v[1]} for k, v in pairs.items()]


def match(path=None, method=None, headers=None, query=None):
    made = {}
    if path:
        made["path"] = {"type": path[0], "value": path[1]}
    if method:
        made["method"] = method
    if headers:
        made["headers"] = typed(headers)
    if query:
        made["queryParams"] = typed(query)
    return made


def refs(to):
    """A Service's name, or a list of (name, weight[, filters])."""
    to = [(to, 1)] if isinstance(to, str) else to
    return [{"name": r[0], "port": 80, "weight": r[1], **({"filters": r[2]} if len(r) > 2 else {})} for r in to]


def route(kind, name, rules, hostnames=(), parents=None, ns="shop", created=None, version="v1"):
    """`rules`: objects, or lists of refs()."""
    metadata = {"name": name, "namespace": ns, **({"creationTimestamp": created} if created else {})}
    spec = {"parentRefs": parents or [{"name": "gw"}], "rules": [r if isinstance(r, dict) else {"backendRefs": refs(r)} for r in rules]}
    if hostnames:
        spec["hostnames"] = list(hostnames)
    return {"apiVersion": "gateway.networking.k8s.io/" + version, "kind": kind, "metadata": metadata, "spec": spec}


def http_route(name="web", hostnames=(), rules=None, **how):
    """`rules`: (matches, refs[, filters[, more]])."""
    made = []
    for matches, to, *rest in rules or [([], "web")]:
        rule = {"matches": matches, "backendRefs": refs(to), **(rest[1] if len(rest) > 1 else {})}
        if rest and rest[0]:
            rule["filters"] = rest[0]
        made.append({k: v for k, v in rule.items() if v})
    return route("HTTPRoute", name, made, hostnames, **how)

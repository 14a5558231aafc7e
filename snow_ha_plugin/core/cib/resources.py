"""What a CIB says of its resources, in groups, clones and templates too."""

from __future__ import annotations

from snow_ha_plugin.core.cib.document import Tree, part
from snow_ha_plugin.core.cib.nvpairs import pairs, referred
from snow_ha_plugin.core.cib.values import interval_s
from snow_ha_plugin.model import Primitive


def primitives(tree: Tree) -> tuple[Primitive, ...]:
    """Every primitive, also those in groups and clones."""
    return tuple(_primitive(element) for element in part(tree, "configuration/resources").iter("primitive"))


def primitives_of(tree: Tree, key: str, *values: str) -> tuple[Primitive, ...]:
    """Those whose agent's `class` or `type` is one of the values; much cheaper than to choose among all of them."""
    elements = part(tree, "configuration/resources").iter("primitive")
    return tuple(_primitive(element) for element in elements if _source(element).get(key) in values)


def domains(tree: Tree) -> dict[str, Primitive]:
    """The primitives that run Xen domains, ours and others', by id."""
    return {primitive.id: primitive for primitive in primitives_of(tree, "type", "Xen")}


def domain(tree: Tree, name: str) -> Primitive | None:
    """The primitive of that id if it runs a Xen domain; much cheaper than all `domains`."""
    element = resource(tree, name)
    primitive = _primitive(element) if element is not None and element.tag == "primitive" else None
    return primitive if primitive and primitive.is_domain else None


def _primitive(element: Tree) -> Primitive:
    source = _source(element)

    def values(set_tag: str) -> dict[str, str]:
        return pairs(element, set_tag, template=None if source is element else source)

    agent = [source.get(key) for key in ("class", "provider", "type")]
    return Primitive(
        id=element.get("id", ""),
        agent=":".join(part for part in agent if part),
        parameters=values("instance_attributes"),
        utilization=values("utilization"),
        meta=values("meta_attributes"),
    )


def _source(element: Tree) -> Tree:
    """What says which agent a primitive has: its template, where it has one that there is, or itself."""
    return next(iter(_templates(element)), element)


def resource(tree: Tree, resource_id: str) -> Tree | None:
    """The element of a resource (a primitive, group, clone ... or template) of that id."""
    for element in part(tree, "configuration/resources").iter(
        "primitive", "group", "clone", "master", "bundle", "template"
    ):
        if element.get("id") == resource_id:
            return element
    return None


def meta(tree: Tree, resource_id: str, name: str, default: str) -> str:
    """A resource's meta attribute as it is in force: its own, its template's, that of what it is in, or a default."""
    element = resource(tree, resource_id)
    own = _own_meta(element, name)
    return _default_meta(tree, element, name, default) if own is None else own


def metas(tree: Tree, name: str, default: str) -> dict[str, str]:
    """A meta attribute of every primitive; for all of many it is much cheaper than `meta`."""
    otherwise = _default_meta(tree, None, name, default)
    differs = tree.find("configuration/rsc_defaults//rule") is not None
    found = {}
    for element in part(tree, "configuration/resources").iter("primitive"):
        own = _own_meta(element, name)
        if own is None:
            own = _default_meta(tree, element, name, default) if differs else otherwise
        found[element.get("id", "")] = own
    return found


def _own_meta(element: Tree | None, name: str) -> str | None:
    while element is not None and element.tag != "resources":
        found = pairs(element, "meta_attributes", template=next(iter(_templates(element)), None))
        if name in found:
            return found[name]
        element = element.getparent()
    return None


def _default_meta(tree: Tree, element: Tree | None, name: str, default: str) -> str:
    """The default of all resources, as far as it is not for other agents than that of an element."""
    defaults = tree.find("configuration/rsc_defaults")
    if defaults is None:
        return default
    agent = None if element is None else _source(element)
    return pairs(defaults, "meta_attributes", agent=agent).get(name, default)


def _templates(element: Tree) -> list[Tree]:
    name = element.get("template")
    return list(element.xpath("ancestor::resources/template[@id=$id]", id=name)) if name else []


def operations(element: Tree) -> Tree | None:
    """What a primitive's operations are in: its own, or what its own or else its template's stand for by id-ref.

    Its template's that do not stand for others are none of these: what it has itself is added to them.
    """
    own = element.find("operations")
    if own is None:
        own = next(
            (each for template in _templates(element) for each in template.iterfind("operations[@id-ref]")), None
        )
    return None if own is None else referred(own)


def template_operation(element: Tree, name: str) -> Tree | None:
    """The operation of that name that a primitive has from its template, beside those of its own.

    Beside operations that are named by id-ref, its own or its template's, none of the other's counts (measured, 2.1.5).
    """
    if element.find("operations[@id-ref]") is not None:
        return None
    return next((op for each in _templates(element) for op in each.iterfind(f"operations/op[@name='{name}']")), None)


def operation_timeout_s(tree: Tree, resource_id: str, name: str, default_s: int) -> int:
    """The timeout of a resource's operation; `default_s` where it has none that Pacemaker can read."""
    element = resource(tree, resource_id)
    holder = None if element is None else operations(element)
    operation = None if holder is None else holder.find(f"op[@name='{name}']")
    if operation is None and element is not None:
        operation = template_operation(element, name)
    timeout_s = None if operation is None else interval_s(operation.get("timeout", ""))
    return default_s if timeout_s is None else timeout_s

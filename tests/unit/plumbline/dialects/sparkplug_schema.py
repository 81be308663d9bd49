"""Sparkplug B's messages as the protobuf library knows them, built from field numbers; the reference for our own decoder."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = descriptor_pb2.FieldDescriptorProto
_MESSAGES = {
    "PropertyValue": [
        ("type", 1, "uint32"), ("is_null", 2, "bool"), ("int_value", 3, "uint32"), ("long_value", 4, "uint64"),
        ("float_value", 5, "float"), ("double_value", 6, "double"), ("boolean_value", 7, "bool"), ("string_value", 8, "string"),
    ],
    "PropertySet": [("keys", 1, "*string"), ("values", 2, "*PropertyValue")],
    "DataSet": [("num_of_columns", 1, "uint64"), ("columns", 2, "*string")],
    "Template": [("version", 1, "string"), ("metrics", 2, "*Metric")],
    "Metric": [
        ("name", 1, "string"), ("alias", 2, "uint64"), ("timestamp", 3, "uint64"), ("datatype", 4, "uint32"),
        ("is_historical", 5, "bool"), ("is_transient", 6, "bool"), ("is_null", 7, "bool"), ("properties", 9, "PropertySet"),
        ("int_value", 10, "uint32"), ("long_value", 11, "uint64"), ("float_value", 12, "float"), ("double_value", 13, "double"),
        ("boolean_value", 14, "bool"), ("string_value", 15, "string"), ("bytes_value", 16, "bytes"),
        ("dataset_value", 17, "DataSet"), ("template_value", 18, "Template"),
    ],
    "Payload": [
        ("timestamp", 1, "uint64"), ("metrics", 2, "*Metric"), ("seq", 3, "uint64"), ("uuid", 4, "string"), ("body", 5, "bytes"),
    ],
}  # fmt: skip
#: The alternatives of a metric's value.
VALUES = [name for name, number, _ in _MESSAGES["Metric"] if number >= 10]


def _build():
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_test.proto", package="plumbline.test", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name == "Metric":
            message.oneof_decl.add(name="value")
        for field, number, written in fields:
            one = message.field.add(name=field, number=number)
            kind = written.lstrip("*")
            one.label = _TYPES.LABEL_OPTIONAL if kind == written else _TYPES.LABEL_REPEATED
            if kind in _MESSAGES:
                one.type, one.type_name = _TYPES.TYPE_MESSAGE, f".plumbline.test.{kind}"
            else:
                one.type = getattr(_TYPES, f"TYPE_{kind.upper()}")
            if name == "Metric" and number >= 10:
                one.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"plumbline.test.{name}")) for name in _MESSAGES}


CLASSES = _build()
Payload = CLASSES["Payload"]


def encoded(*metrics: dict, **values: object) -> bytes:
    """A payload as an edge node sends it; a metric's `unit` and `quality` become properties."""
    payload = Payload(**values)
    for given in metrics:
        table = dict(given)
        properties = {key: table.pop(key) for key in ("unit", "quality") if key in table}
        metric = payload.metrics.add(**table)
        if "unit" in properties:
            metric.properties.keys.append("engUnit")
            metric.properties.values.add(type=12, string_value=properties["unit"])
        if "quality" in properties:
            metric.properties.keys.append("Quality")
            metric.properties.values.add(type=3, int_value=properties["quality"])
    return payload.SerializeToString()

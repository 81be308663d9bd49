// Ours, from the vendor's protocol description: a probe with temperature and moisture. ChirpStack v3 form.
function Decode(fPort, bytes, variables) {
  var word = function (at) { return bytes[at] * 256 + bytes[at + 1]; };
  var at = 5, flags = word(3);
  var data = {protocol_version: bytes[0], device_id: word(1)};
  var give = function (key, name, unit, value) {
    data[key] = unit ? {displayName: name, unit: unit, value: value} : {displayName: name, value: value};
  };
  if (flags & 1) {
    var e = word(at) / 50;
    give("dielectric_permittivity", "Dielectric permittivity", null, e);
    give("volumetric_water_content", "Volumetric water content", "m³⋅m⁻³",
         0.0000043 * Math.pow(e, 3) - 0.00055 * Math.pow(e, 2) + 0.0292 * e - 0.053);
    give("soil_temperature", "Soil temperature", "°C", (word(at + 2) - Number(variables.offset)) / 10);
    at += 4;
  }
  if (flags & 2) give("battery_voltage", "Battery voltage", "V", word(at) / 1000);
  return data;
}

// Ours, from the bytes that the vendor documents. TS013 form, of a module.
module.exports.decodeUplink = function (input) {
  if (input.fPort !== 1) return {errors: ["unknown FPort"]};
  const bytes = input.bytes, bit = (n) => (bytes[0] >> n) & 1;
  const data = {occupied: bit(7), keepAlive: bit(0), reset: bit(1), No_Beacon: bit(2), Radar: bit(3), Obstruction: bit(4),
                Good_Battery: bit(5), Temperature: bytes[1], Parking_ID: bytes[2]};
  if (bytes.length > 4) {
    data.Beacon_RSSI = bytes[3] - 256;
    data.Beacons = [];
    for (let i = 4; i + 1 < bytes.length; i += 2) data.Beacons.push(bytes[i] * 256 + bytes[i + 1]);
  }
  return {data};
};

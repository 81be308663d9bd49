// Ours, from the bytes that the vendor documents. The Things Network v2 form.
var causes = {1: "watchdog", 2: "power on reset", 3: "system request"};

function Decoder(bytes, port) {
  var last = bytes.length - 1;
  if (port === 1) return {type: "parking status", occupied: bytes[0] === 1};
  if (port === 2) return {type: "heartbeat", occupied: bytes[0] === 1, temperature: bytes[1] << 24 >> 24};
  var codes = [];
  for (var i = 0; i + 1 < 12; i += 4) {
    var code = bytes[i] + bytes[i + 1] * 256;
    if (code !== 0) codes.push(code);
  }
  return {type: "startup", debugCodes: codes, firmwareVersion: bytes[12] + "." + bytes[13] + "." + bytes[14],
          resetCause: causes[bytes[15]] || "system request", occupied: bytes[last] === 1};
}

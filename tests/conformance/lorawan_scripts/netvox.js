// Ours, from the facts of the vendor's application command sheets. TS013 form.
const devices = {0x04: "R311G", 0x06: "R311W", 0x10: "RB02I", 0x31: "R718T", 0x4b: "R311B", 0x4d: "R312A", 0x55: "R312"};
const button = {0x10: "Alarm", 0x31: "Alarm", 0x4d: "Alarm", 0x55: "Doorbell"};
const word = (bytes, at) => bytes[at] * 256 + bytes[at + 1];
const two = (n) => String(n).padStart(2, "0");

function report(bytes) {
  const type = bytes[1], data = {Device: devices[type]};
  if (bytes[2] === 0)
    return {...data, SWver: bytes[3] / 10, HWver: bytes[4], Datecode: [5, 6, 7, 8].map((i) => two(bytes[i].toString(16))).join("")};
  data.Volt = (bytes[3] & 0x7f) / 10;
  if (type === 0x06) return {...data, WaterLeak_1: bytes[4] ? "Leak" : "NoLeak", WaterLeak_2: bytes[5] ? "Leak" : "NoLeak"};
  if (button[type]) return {...data, [button[type]]: bytes[4]};
  return {...data, Illuminance: word(bytes, 4)};
}

function answer(bytes) {
  const type = bytes[1], Device = devices[type];
  if (bytes[0] === 0x81) return {Cmd: "ConfigReportRsp", Device, Status: bytes[2] ? "Failure" : "Success"};
  const data = {Cmd: "ReadConfigReportRsp", Device, MinTime: word(bytes, 2), MaxTime: word(bytes, 4), BatteryChange: bytes[6] / 10};
  if (type === 0x04) data.IlluminanceChange = word(bytes, 7);
  if (type === 0x4b) data.IlluminanceThreshold = word(bytes, 7);
  return data;
}

function pressTime(bytes) {
  if (bytes[0] === 0x81) return {Cmd: "SetButtonPressTimeRsp", Status: bytes[1] ? "Failure" : "Success"};
  return {Cmd: "GetButtonPressTimeRsp", PressTime: bytes[1]};
}

function decodeUplink({bytes, fPort}) {
  const reader = {6: report, 7: answer, 13: pressTime}[fPort];
  return reader ? {data: reader(bytes)} : {errors: ["unknown FPort"]};
}

// both_graphene.js MODULE TOKEN PIN: graphene-pk11 against files that openssl made, and files for openssl.
const assert = require("assert");
const fs = require("fs");
const g = require("graphene-pk11");

const [module_, label, pin] = process.argv.slice(2);
const data = fs.readFileSync("data");
const token = g.Module.load(module_, "token");
token.initialize();
try {
  const slots = token.getSlots(true);
  let slot = null;
  for (let at = 0; at < slots.length; at += 1) if (slots.items(at).getToken().label.trim() === label) slot = slots.items(at);
  const session = slot.open(g.SessionFlag.RW_SESSION | g.SessionFlag.SERIAL_SESSION);
  session.login(pin);

  const find = (name) => session.find({ class: g.ObjectClass.PRIVATE_KEY, label: name }).items(0).toType();
  fs.writeFileSync("by-node.rsa", session.createSign("SHA256_RSA_PKCS", find("rsa")).once(data));
  const raw = session.createSign("ECDSA_SHA256", find("ec")).once(data);
  // The DER form of the signature, which PKCS#11 gives as two numbers side by side.
  const number = (bytes) => {
    const hex = BigInt("0x" + bytes.toString("hex")).toString(16);
    const even = Buffer.from(hex.length % 2 ? "0" + hex : hex, "hex");
    const body = even[0] & 0x80 ? Buffer.concat([Buffer.from([0]), even]) : even;
    return Buffer.concat([Buffer.from([2, body.length]), body]);
  };
  const body = Buffer.concat([number(raw.subarray(0, 32)), number(raw.subarray(32))]);
  fs.writeFileSync("by-node.ec", Buffer.concat([Buffer.from([0x30, body.length]), body]));

  const oaep = { name: "RSA_PKCS_OAEP", params: new g.RsaOaepParams(g.MechanismEnum.SHA256, g.RsaMgf.MGF1_SHA256) };
  const opened = session.createDecipher(oaep, find("rsa")).once(fs.readFileSync("for-node.rsa"), Buffer.alloc(256));
  assert.deepStrictEqual(opened, data);

  const aes = session.create({ class: g.ObjectClass.SECRET_KEY, keyType: g.KeyType.AES, token: false,
    encrypt: true, decrypt: true, value: fs.readFileSync("aes.key") }).toType();
  const cbc = { name: "AES_CBC_PAD", params: fs.readFileSync("aes.iv") };
  assert.deepStrictEqual(session.createDecipher(cbc, aes).once(fs.readFileSync("for-node.cbc"), Buffer.alloc(64)), data);
  fs.writeFileSync("by-node.cbc", session.createCipher(cbc, aes).once(data, Buffer.alloc(64)));

  // A pair made here: RSA, with a signature in parts; then it is good for this data and no other.
  const pair = session.generateKeyPair(g.KeyGenMechanism.RSA,
    { keyType: g.KeyType.RSA, modulusBits: 2048, publicExponent: Buffer.from([1, 0, 1]), token: false, verify: true },
    { keyType: g.KeyType.RSA, token: false, sign: true });
  const signer = session.createSign("SHA384_RSA_PKCS", pair.privateKey);
  signer.update(data.subarray(0, 5));
  signer.update(data.subarray(5));
  const signature = signer.final();
  assert(session.createVerify("SHA384_RSA_PKCS", pair.publicKey).once(data, signature));
  let good = false;
  try { good = session.createVerify("SHA384_RSA_PKCS", pair.publicKey).once(Buffer.from("other"), signature); }
  catch (error) { assert.match(String(error), /CKR_SIGNATURE_INVALID/); }
  assert(!good);
  session.logout();
  session.close();
  console.log("ok: graphene-pk11");
} finally {
  token.finalize();
}

// both_pkcs11js.js MODULE TOKEN PIN: pkcs11js against files that openssl made, and files for openssl.
const assert = require("assert");
const crypto = require("crypto");
const fs = require("fs");
const p = require("pkcs11js");

const [module_, label, pin] = process.argv.slice(2);
const data = fs.readFileSync("data");

// The DER form of an ECDSA signature, which PKCS#11 gives as two numbers side by side.
function ecdsaDer(raw) {
  const number = (bytes) => {
    let at = 0;
    while (at < bytes.length - 1 && bytes[at] === 0) at += 1;
    const short = bytes.subarray(at);
    const body = short[0] & 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short;
    return Buffer.concat([Buffer.from([2, body.length]), body]);
  };
  const body = Buffer.concat([number(raw.subarray(0, raw.length / 2)), number(raw.subarray(raw.length / 2))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

const token = new p.PKCS11();
token.load(module_);
token.C_Initialize();
try {
  const slot = token.C_GetSlotList(true).find((one) => token.C_GetTokenInfo(one).label.trim() === label);
  const session = token.C_OpenSession(slot, p.CKF_RW_SESSION | p.CKF_SERIAL_SESSION);
  token.C_Login(session, p.CKU_USER, pin);

  const find = (name) => {
    token.C_FindObjectsInit(session, [{ type: p.CKA_CLASS, value: p.CKO_PRIVATE_KEY }, { type: p.CKA_LABEL, value: name }]);
    const handle = token.C_FindObjects(session, 1)[0];
    token.C_FindObjectsFinal(session);
    return handle;
  };
  const rsa = find("rsa");
  token.C_SignInit(session, { mechanism: p.CKM_SHA256_RSA_PKCS }, rsa);
  fs.writeFileSync("by-node.rsa", token.C_Sign(session, data, Buffer.alloc(256)));
  token.C_SignInit(session, { mechanism: p.CKM_ECDSA }, find("ec"));
  const digest = crypto.createHash("sha256").update(data).digest();
  fs.writeFileSync("by-node.ec", ecdsaDer(token.C_Sign(session, digest, Buffer.alloc(64))));

  const oaep = { type: p.CK_PARAMS_RSA_OAEP, hashAlg: p.CKM_SHA256, mgf: p.CKG_MGF1_SHA256, source: 1, sourceData: null };
  token.C_DecryptInit(session, { mechanism: p.CKM_RSA_PKCS_OAEP, parameter: oaep }, rsa);
  assert.deepStrictEqual(token.C_Decrypt(session, fs.readFileSync("for-node.rsa"), Buffer.alloc(256)), data);

  const aes = token.C_CreateObject(session, [
    { type: p.CKA_CLASS, value: p.CKO_SECRET_KEY }, { type: p.CKA_KEY_TYPE, value: p.CKK_AES },
    { type: p.CKA_ENCRYPT, value: true }, { type: p.CKA_DECRYPT, value: true },
    { type: p.CKA_VALUE, value: fs.readFileSync("aes.key") }]);
  const cbc = { mechanism: p.CKM_AES_CBC_PAD, parameter: fs.readFileSync("aes.iv") };
  token.C_DecryptInit(session, cbc, aes);
  assert.deepStrictEqual(token.C_Decrypt(session, fs.readFileSync("for-node.cbc"), Buffer.alloc(64)), data);
  token.C_EncryptInit(session, cbc, aes);
  fs.writeFileSync("by-node.cbc", token.C_Encrypt(session, data, Buffer.alloc(64)));

  // A pair made here, for a signature that is good, and one that is not.
  const curve = Buffer.from("06082a8648ce3d030107", "hex");
  const pair = token.C_GenerateKeyPair(session, { mechanism: p.CKM_EC_KEY_PAIR_GEN },
    [{ type: p.CKA_EC_PARAMS, value: curve }, { type: p.CKA_VERIFY, value: true }],
    [{ type: p.CKA_SIGN, value: true }]);
  token.C_SignInit(session, { mechanism: p.CKM_ECDSA_SHA256 }, pair.privateKey);
  const signature = token.C_Sign(session, data, Buffer.alloc(64));
  token.C_VerifyInit(session, { mechanism: p.CKM_ECDSA_SHA256 }, pair.publicKey);
  assert(token.C_Verify(session, data, signature));
  signature[7] ^= 1;
  token.C_VerifyInit(session, { mechanism: p.CKM_ECDSA_SHA256 }, pair.publicKey);
  assert.throws(() => token.C_Verify(session, data, signature), /CKR_SIGNATURE_INVALID/);
  console.log("ok: pkcs11js");
} finally {
  token.C_Finalize();
  token.close();
}

/* Uses the keys that keytool made in the token, and one whose value openssl has: what openssl encrypted
 * and signed is opened and checked here, and files for openssl to check are written. */

import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.interfaces.*;
import java.security.spec.*;
import java.util.Arrays;
import javax.crypto.*;
import javax.crypto.spec.*;

public class Both {
    static byte[] read(String name) throws Exception {
        return Files.readAllBytes(Path.of(name));
    }

    static void write(String name, byte[] content) throws Exception {
        Files.write(Path.of(name), content);
    }

    static void check(boolean good, String what) {
        if (!good) throw new RuntimeException(what);
        System.out.println("ok: " + what);
    }

    public static void main(String[] arguments) throws Exception {
        Provider token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        Security.addProvider(token);
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        store.load(null, arguments[1].toCharArray());
        PrivateKey rsa = (PrivateKey) store.getKey("rsa", null);
        PrivateKey ec = (PrivateKey) store.getKey("ec", null);
        byte[] data = read("data");
        check(rsa.getEncoded() == null && ec.getEncoded() == null, "no private key leaves the token");

        sign(token, "SHA256withRSA", rsa, null, data, "by-java.rsa");
        sign(token, "SHA256withECDSA", ec, null, data, "by-java.ec");
        sign(token, "RSASSA-PSS", rsa, new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1),
                data, "by-java.pss");

        Signature verifier = Signature.getInstance("SHA256withRSA", token);
        verifier.initVerify(CertificateFactory.getInstance("X.509").generateCertificate(Files.newInputStream(Path.of("ca.crt"))));
        verifier.update(data);
        check(verifier.verify(read("by-openssl.signature")), "a signature by openssl, verified in the token");

        Cipher opener = Cipher.getInstance("RSA/ECB/PKCS1Padding", token);
        opener.init(Cipher.DECRYPT_MODE, rsa);
        check(Arrays.equals(opener.doFinal(read("for-java.rsa")), data), "RSA: openssl encrypts, the token decrypts");

        secret(token, data);
        agree(token, ec);
        stored(token, (SecretKey) store.getKey("aes", null), data);
    }

    static void sign(Provider token, String name, PrivateKey key, AlgorithmParameterSpec how, byte[] data, String file)
            throws Exception {
        Signature signer = Signature.getInstance(name, token);
        if (how != null) signer.setParameter(how);
        signer.initSign(key);
        signer.update(data);
        write(file, signer.sign());
        System.out.println("ok: " + name);
    }

    /** An imported key: openssl has the value too. */
    static void secret(Provider token, byte[] data) throws Exception {
        SecretKey key = SecretKeyFactory.getInstance("AES", token).translateKey(new SecretKeySpec(read("aes.key"), "AES"));
        IvParameterSpec start = new IvParameterSpec(read("aes.iv"));
        Cipher cipher = Cipher.getInstance("AES/CBC/PKCS5Padding", token);
        cipher.init(Cipher.DECRYPT_MODE, key, start);
        check(Arrays.equals(cipher.doFinal(read("for-java.cbc")), data), "AES: openssl encrypts, the token decrypts");
        cipher.init(Cipher.ENCRYPT_MODE, key, start);
        write("by-java.cbc", cipher.doFinal(data));

        Mac mac = Mac.getInstance("HmacSHA256", token);
        mac.init(new SecretKeySpec(read("aes.key"), "HmacSHA256"));
        write("by-java.hmac", mac.doFinal(data));
    }

    /** ECDH with a key of openssl. */
    static void agree(Provider token, PrivateKey ec) throws Exception {
        PublicKey peer = KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(read("peer.der")));
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH", token);
        agreement.init(ec);
        agreement.doPhase(peer, true);
        write("by-java.agreed", agreement.generateSecret());
    }

    /** A key that keytool made: its value never leaves the token. */
    static void stored(Provider token, SecretKey key, byte[] data) throws Exception {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", token);
        cipher.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(128, new byte[12]));
        cipher.updateAAD(data);
        byte[] sealed = cipher.doFinal(data);
        cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(128, new byte[12]));
        cipher.updateAAD(data);
        check(Arrays.equals(cipher.doFinal(sealed), data), "GCM with a key made by keytool");
    }
}

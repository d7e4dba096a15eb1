// WSS4J as a foreign signer and judge: signs and encrypts plain.xml, verifies every ours-*.xml of the folder.
// Arguments: folder (with sender.p12, bus.p12, plain.xml), password of both stores. Prints "name: ok" or "name: reason".

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.ws.security.WSConstants;
import org.apache.ws.security.WSEncryptionPart;
import org.apache.ws.security.WSPasswordCallback;
import org.apache.ws.security.WSSecurityEngine;
import org.apache.ws.security.components.crypto.Crypto;
import org.apache.ws.security.components.crypto.CryptoFactory;
import org.apache.ws.security.components.crypto.Merlin;
import org.apache.ws.security.message.WSSecEncrypt;
import org.apache.ws.security.message.WSSecHeader;
import org.apache.ws.security.message.WSSecSignature;
import org.apache.ws.security.message.WSSecTimestamp;
import org.w3c.dom.Document;

public class Wss4j {
    private static final String WSA = "http://www.w3.org/2005/08/addressing";
    private static final String SOAP = "http://schemas.xmlsoap.org/soap/envelope/";

    public static void main(String[] args) throws Exception {
        File folder = new File(args[0]);
        String password = args[1];
        Crypto sender = store(new File(folder, "sender.p12"), password);
        Crypto bus = store(new File(folder, "bus.p12"), password);
        KeyStore trusted = KeyStore.getInstance("JKS");
        trusted.load(null, null);
        try (FileInputStream in = new FileInputStream(new File(folder, "authority.crt"))) {
            trusted.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        ((Merlin) bus).setTrustStore(trusted);
        for (String name : new String[] {"direct", "issuer", "ski"}) {
            write(signed(folder, sender, password, name), new File(folder, name + ".xml"));
        }
        Document sealed = signed(folder, sender, password, "direct");
        WSSecEncrypt encrypt = new WSSecEncrypt();
        encrypt.setUserInfo("bus");
        encrypt.setKeyIdentifierType(WSConstants.ISSUER_SERIAL);
        encrypt.setKeyEnc(WSConstants.KEYTRANSPORT_RSAOEP);
        encrypt.setSymmetricEncAlgorithm("http://www.w3.org/2009/xmlenc11#aes256-gcm");
        WSSecHeader header = new WSSecHeader();
        header.insertSecurityHeader(sealed);
        encrypt.build(sealed, bus, header);
        write(sealed, new File(folder, "sealed.xml"));
        CallbackHandler passwords = callbacks -> {
            for (Callback callback : callbacks) {
                ((WSPasswordCallback) callback).setPassword(password);
            }
        };
        File[] ours = folder.listFiles((where, name) -> name.startsWith("ours-"));
        for (File file : ours) {
            String outcome;
            try {
                Object results = new WSSecurityEngine().processSecurityHeader(read(file), null, passwords, bus);
                outcome = results == null ? "no header" : "ok";
            } catch (Exception error) {
                outcome = String.valueOf(error.getMessage());
            }
            System.out.println(file.getName() + ": " + outcome);
        }
    }

    private static Document signed(File folder, Crypto crypto, String password, String how) throws Exception {
        Document document = read(new File(folder, "plain.xml"));
        WSSecHeader header = new WSSecHeader();
        header.insertSecurityHeader(document);
        WSSecTimestamp timestamp = new WSSecTimestamp();
        timestamp.setTimeToLive(300);
        timestamp.build(document, header);
        WSSecSignature signature = new WSSecSignature();
        signature.setUserInfo("sender", password);
        signature.setKeyIdentifierType(
            how.equals("issuer") ? WSConstants.ISSUER_SERIAL
                : how.equals("ski") ? WSConstants.THUMBPRINT_IDENTIFIER : WSConstants.BST_DIRECT_REFERENCE);
        signature.setSignatureAlgorithm("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
        signature.setDigestAlgo("http://www.w3.org/2001/04/xmlenc#sha256");
        List<WSEncryptionPart> parts = new ArrayList<>();
        parts.add(new WSEncryptionPart("Body", SOAP, "Element"));
        parts.add(new WSEncryptionPart("Timestamp", WSConstants.WSU_NS, "Element"));
        for (String name : new String[] {"MessageID", "Action", "To", "ReplyTo"}) {
            parts.add(new WSEncryptionPart(name, WSA, "Element"));
        }
        parts.add(new WSEncryptionPart("Context", "urn:chiikibus:standard:1.0:common", "Element"));
        signature.setParts(parts);
        signature.build(document, crypto, header);
        return document;
    }

    private static Crypto store(File file, String password) throws Exception {
        Properties properties = new Properties();
        String prefix = "org.apache.ws.security.crypto.";
        properties.put(prefix + "provider", "org.apache.ws.security.components.crypto.Merlin");
        properties.put(prefix + "merlin.keystore.type", "pkcs12");
        properties.put(prefix + "merlin.keystore.file", file.getPath());
        properties.put(prefix + "merlin.keystore.password", password);
        return CryptoFactory.getInstance(properties);
    }

    private static Document read(File file) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        try (FileInputStream in = new FileInputStream(file)) {
            return factory.newDocumentBuilder().parse(in);
        }
    }

    private static void write(Document document, File file) throws Exception {
        try (FileOutputStream out = new FileOutputStream(file)) {
            TransformerFactory.newInstance().newTransformer().transform(new DOMSource(document), new StreamResult(out));
        }
    }
}

// Attachments by JAX-WS RI and SAAJ RI: sends a file and prints what came back, one line for each attachment or value.
// Attach mtom|swa ENDPOINT-URL USER SECRET FILE
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Iterator;
import javax.activation.DataHandler;
import javax.activation.FileDataSource;
import javax.xml.bind.JAXBContext;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlRootElement;
import javax.xml.namespace.QName;
import javax.xml.soap.AttachmentPart;
import javax.xml.soap.MessageFactory;
import javax.xml.soap.MimeHeaders;
import javax.xml.soap.SOAPMessage;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.Dispatch;
import javax.xml.ws.Service;
import javax.xml.ws.soap.MTOMFeature;
import javax.xml.ws.soap.SOAPBinding;

public class Attach {
    @XmlRootElement(name = "irai", namespace = "urn:rei")
    public static class Irai {
        @XmlElement(namespace = "urn:rei")
        public byte[] fairu;
    }

    static String digest(byte[] content) throws Exception {
        StringBuilder text = new StringBuilder();
        for (byte one : MessageDigest.getInstance("SHA-256").digest(content)) text.append(String.format("%02x", one));
        return text.toString();
    }

    static byte[] all(InputStream source) throws Exception {
        ByteArrayOutputStream target = new ByteArrayOutputStream();
        byte[] piece = new byte[65536];
        for (int size; (size = source.read(piece)) >= 0; ) target.write(piece, 0, size);
        return target.toByteArray();
    }

    static void mtom(String url, String user, String secret, String file) throws Exception {
        QName name = new QName("urn:rei", "rei");
        Service service = Service.create(name);
        service.addPort(name, SOAPBinding.SOAP11HTTP_BINDING, url);
        JAXBContext context = JAXBContext.newInstance(Irai.class);
        Dispatch<Object> bus = service.createDispatch(name, context, Service.Mode.PAYLOAD, new MTOMFeature(0));
        bus.getRequestContext().put(BindingProvider.USERNAME_PROPERTY, user);
        bus.getRequestContext().put(BindingProvider.PASSWORD_PROPERTY, secret);
        Irai request = new Irai();
        request.fairu = Files.readAllBytes(Paths.get(file));
        System.out.println(digest(((Irai) bus.invoke(request)).fairu));
    }

    static void swa(String url, String user, String secret, String file) throws Exception {
        MessageFactory factory = MessageFactory.newInstance();
        SOAPMessage message = factory.createMessage();
        message.getSOAPBody().addBodyElement(new QName("urn:rei", "irai", "t"));
        AttachmentPart part = message.createAttachmentPart(new DataHandler(new FileDataSource(file)));
        part.setContentId("<file-1@saaj>");
        message.addAttachmentPart(part);
        message.saveChanges();
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setDoOutput(true);
        String credential = Base64.getEncoder().encodeToString((user + ":" + secret).getBytes("UTF-8"));
        connection.setRequestProperty("Authorization", "Basic " + credential);
        connection.setRequestProperty("SOAPAction", "\"\"");
        connection.setRequestProperty("Content-Type", message.getMimeHeaders().getHeader("Content-Type")[0]);
        message.writeTo(connection.getOutputStream());
        if (connection.getResponseCode() != 200) {
            System.out.println(new String(all(connection.getErrorStream()), "UTF-8"));
            return;
        }
        MimeHeaders headers = new MimeHeaders();
        headers.setHeader("Content-Type", connection.getContentType());
        byte[] body = all(connection.getInputStream());
        SOAPMessage answer = factory.createMessage(headers, new ByteArrayInputStream(body));
        for (Iterator<?> parts = answer.getAttachments(); parts.hasNext(); ) {
            System.out.println(digest(((AttachmentPart) parts.next()).getRawContentBytes()));
        }
    }

    public static void main(String[] given) throws Exception {
        if (given[0].equals("mtom")) mtom(given[1], given[2], given[3], given[4]);
        else swa(given[1], given[2], given[3], given[4]);
    }
}

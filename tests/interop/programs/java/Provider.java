// A JAX-WS RI provider behind the bus, generated from the served WSDL. Everything it needs stands in the environment:
// INTEROP_PORT, INTEROP_SECRET, INTEROP_RESIDENTS (an answer with all residents), INTEROP_CASES, INTEROP_NOTICES.
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Resource;
import javax.jws.WebService;
import javax.xml.bind.JAXB;
import javax.xml.namespace.QName;
import javax.xml.soap.SOAPConstants;
import javax.xml.soap.SOAPException;
import javax.xml.soap.SOAPFactory;
import javax.xml.ws.Endpoint;
import javax.xml.ws.Holder;
import javax.xml.ws.WebServiceContext;
import javax.xml.ws.handler.MessageContext;
import javax.xml.ws.http.HTTPException;
import javax.xml.ws.soap.SOAPFaultException;
import jp.chiikibus.juki.Fuhyo;
import jp.chiikibus.juki.Juki;
import jp.chiikibus.juki.Jumin;
import jp.chiikibus.juki.SetaiShokaiKaito;
import jp.chiikibus.juki.Shiensochi;

@WebService(
    endpointInterface = "jp.chiikibus.juki.Juki",
    targetNamespace = "urn:chiikibus:standard:1.0:juki",
    serviceName = "juki",
    portName = "juki")
public class Provider implements Juki {
    private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();
    private static final Map<String, String> SET = System.getenv();
    private static final String CREDENTIAL = "Basic "
        + Base64.getEncoder().encodeToString(("chiikibus:" + SET.get("INTEROP_SECRET")).getBytes(StandardCharsets.UTF_8));
    private static final Map<String, Jumin> RESIDENTS = new HashMap<>();
    private static JsonObject cases;

    @Resource
    private WebServiceContext context;

    public static void main(String[] arguments) throws Exception {
        cases = JSON.fromJson(Files.readString(Path.of(SET.get("INTEROP_CASES"))), JsonObject.class);
        File file = new File(SET.get("INTEROP_RESIDENTS"));
        for (Jumin one : JAXB.unmarshal(file, SetaiShokaiKaito.class).getJumin()) RESIDENTS.put(one.getAtenabango(), one);
        Endpoint.publish("http://127.0.0.1:" + SET.get("INTEROP_PORT") + "/soap", new Provider());
    }

    @Override
    public Jumin juminShokai(String atenabango, String kijunbi) {
        header("Authorization", CREDENTIAL);
        refuse(atenabango);
        if (cases.get("crash").getAsString().equals(atenabango)) throw new IllegalStateException("a defect");
        return RESIDENTS.get(atenabango);
    }

    @Override
    public List<Jumin> setaiShokai(String setaibango, String atenabango, String kijunbi) {
        header("Authorization", CREDENTIAL);
        List<Jumin> found = new ArrayList<>();
        JsonObject households = cases.getAsJsonObject("households");
        if (households.has(setaibango))
            for (JsonElement number : households.getAsJsonArray(setaibango)) found.add(RESIDENTS.get(number.getAsString()));
        return found;
    }

    @Override
    public void shiensochiTsuchi(Shiensochi sochi, Holder<String> message, Holder<String> number, Holder<String> at) {
        throw new UnsupportedOperationException("not one of the calls");
    }

    @Override
    public void fuhyoTsuchi(Fuhyo fuhyo, Holder<String> message, Holder<String> number, Holder<String> at) {
        throw new UnsupportedOperationException("not one of the calls");
    }

    @Override
    public void idoTsuchi(Jumin jumin, Holder<String> message, Holder<String> number, Holder<String> at) {
        header("Authorization", CREDENTIAL);
        refuse(jumin.getAtenabango());
        try {
            Path notices = Path.of(SET.get("INTEROP_NOTICES"));
            String line = JSON.toJson(Items.of(jumin)) + "\n";
            Files.writeString(notices, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
        message.value = header("Chiikibus-Message-Id", null);
        number.value = "java-1";
        // Its toString() leaves the seconds out when they are zero.
        at.value = DateTimeFormatter.ISO_OFFSET_DATE_TIME.format(OffsetDateTime.now().truncatedTo(ChronoUnit.SECONDS));
    }

    @Override
    public void ikkatsuIrai(String kind, String at, String before, Holder<String> id, Holder<String> received) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void ikkatsuSoshin(
            String id, String kind, String before, String at, String part, String last, String count, String total,
            String keys, String content, List<Jumin> records, Holder<String> message, Holder<String> number,
            Holder<String> received) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void ikkatsuKakunin(
            String id, String result, String total, String held, String keys, String content, Holder<String> message,
            Holder<String> number, Holder<String> received) {
        throw new UnsupportedOperationException();
    }

    private void refuse(String atenabango) {
        JsonObject fault = cases.getAsJsonObject("vendor_fault");
        if (!fault.get("atenabango").getAsString().equals(atenabango)) return;
        try {
            throw new SOAPFaultException(SOAPFactory.newInstance().createFault(
                fault.get("faultstring").getAsString(), new QName(SOAPConstants.URI_NS_SOAP_ENVELOPE, "Server")));
        } catch (SOAPException error) {
            throw new IllegalStateException(error);
        }
    }

    /** The value of a field of the HTTP request, which must be {@code wanted} where that is given. */
    private String header(String name, String wanted) {
        @SuppressWarnings("unchecked")
        Map<String, List<String>> fields =
            (Map<String, List<String>>) context.getMessageContext().get(MessageContext.HTTP_REQUEST_HEADERS);
        String value = fields.getOrDefault(name, List.of("")).get(0);
        if (wanted != null && !wanted.equals(value)) throw new HTTPException(401);
        return value;
    }
}

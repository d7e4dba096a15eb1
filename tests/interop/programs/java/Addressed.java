// A JAX-WS RI client that demands WS-Addressing of every answer.
// Addressed WSDL-URL USER SECRET NUMBER BASE-DATE
import com.google.gson.Gson;
import java.io.PrintStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.Holder;
import javax.xml.ws.soap.AddressingFeature;
import jp.chiikibus.juki.Juki;
import jp.chiikibus.juki.Juki_Service;
import jp.chiikibus.juki.Jumin;
import jp.chiikibus.juki.Shogai_Exception;

public class Addressed {
    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Juki_Service service = new Juki_Service(new URL(arguments[0]));
        // The provider behind the bus answers without WS-Addressing: the bus adds what is demanded.
        Juki demanding = known(service.getJuki(new AddressingFeature(true, true)), arguments);
        Jumin record = demanding.juminShokai(arguments[3], arguments[4]);
        say(out, "record", record.getAtenabango());
        Holder<String> message = new Holder<>(), number = new Holder<>(), at = new Holder<>();
        demanding.idoTsuchi(record, message, number, at);
        say(out, "receipt", message.value);
        try {
            demanding.juminShokai(arguments[3], "2025-13-01");
        } catch (Shogai_Exception error) {
            say(out, "fault", error.getFaultInfo().getKodo());
        }
    }

    private static Juki known(Juki port, String[] arguments) {
        Map<String, Object> context = ((BindingProvider) port).getRequestContext();
        context.put(BindingProvider.USERNAME_PROPERTY, arguments[1]);
        context.put(BindingProvider.PASSWORD_PROPERTY, arguments[2]);
        return port;
    }

    private static void say(PrintStream out, String what, String value) {
        out.println(new Gson().toJson(Map.of(what, value)));
    }
}

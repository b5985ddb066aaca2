# Modules that answer for locations which are not theirs: this one is asked before them where
# AuthType Negotiate stands, and nowhere else. httpd asks modules of one rank in the order in which
# they are loaded: the others come first here, as they do by the alphabet.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd 'apxs';
use NegTest::TLS;

use constant ALICE => 'alice@EXAMPLE.TEST';

my $modules = apxs('LIBEXECDIR');
my @mellon  = -e "$modules/mod_auth_mellon.so"    ? mellon() : ();
my @openidc = -e "$modules/mod_auth_openidc.so" ? openidc() : ();

plan tests => 16 + 8 + 7;

# --- httpd's own ----------------------------------------------------------------------

my $server = server(first => load(qw(auth_basic auth_digest auth_form session session_cookie request)), conf => conf(<<'CONF'))->start;
<Location "/basic/">
    AuthType Basic
    AuthBasicProvider file
</Location>
<Location "/digest/">
    AuthType Digest
    AuthUserFile "@dir@/digest"
</Location>
<Location "/form/">
    AuthType Form
    AuthFormProvider file
    AuthFormLoginRequiredLocation "http://login.test/"
    Session On
    SessionCookieName form
</Location>
<Location "/none/">
    AuthType None
    Require all granted
</Location>
CONF

tickets_work($server, 'httpd\'s modules');
{
    my $password = 'Basic ' . encode_base64('anna:secret', '');
    is_deeply [ challenges_of($server, '/basic/plain.txt') ], ['Basic realm="test"'], 'AuthType Basic asks for a password';
    is get($server, '/basic/plain.txt', Authorization => $password)->status, 200, '... and takes it';
    is get($server, '/basic/plain.txt', Authorization => initiator('alice')->authorization)->status, 401, '... and no token';
    like +(challenges_of($server, '/digest/plain.txt'))[0], qr/^Digest realm="test"/, 'AuthType Digest asks for its own';
    is get($server, '/digest/plain.txt', Authorization => initiator('alice')->authorization)->status, 401, '... and takes no token';
    is get($server, '/form/plain.txt')->header('Location'), 'http://login.test/', 'AuthType Form asks by a page';
    is get($server, '/form/plain.txt', Authorization => initiator('alice')->authorization)->status, 302, '... whatever comes with the request';
    is get($server, '/none/plain.txt')->status, 200, 'AuthType None asks nobody';
    my $r = get($server, '/negotiate/plain.txt', Authorization => $password);
    is_deeply [ $r->status, $r->challenges ], [ 401, 'Negotiate' ], 'where Negotiate stands, no password of theirs is taken'
      or diag $r->head;
}
is_deeply [ $server->log->crashes ], [], 'nobody died';

# --- mod_auth_mellon: SAML ----------------------------------------------------------------

sub mellon {
    my $dir = stage_dir() . '/mellon';
    mkdir $dir;
    chmod 0755, $dir;
    my ($crt, $key) = NegTest::TLS->make_authority($dir)->make_certificate('localhost', key => 'rsa');
    chmod 0644, $key;
    my $certificate = join '', grep { !/^-/ } split /\n/, read_file($crt);
    my $descriptor = sub {
        my ($name, $role, $services) = @_;
        write_file("$dir/$name.xml", <<"XML");
<EntityDescriptor entityID="http://$name.test/" xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
  <${role}SSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>$certificate</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>
    $services
  </${role}SSODescriptor>
</EntityDescriptor>
XML
    };
    $descriptor->(idp => 'IDP', '<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="http://idp.test/login"/>');
    $descriptor->(sp => 'SP', '<AssertionConsumerService index="0" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="http://localhost/mellon/postResponse"/>');
    return <<"CONF";
<Location "/">
    MellonEnable info
    MellonEndpointPath "/mellon"
    MellonSPMetadataFile "$dir/sp.xml"
    MellonSPPrivateKeyFile "$key"
    MellonSPCertFile "$crt"
    MellonIdPMetadataFile "$dir/idp.xml"
</Location>
<Location "/mellon-auth/">
    AuthType Mellon
    MellonEnable auth
</Location>
CONF
}

SKIP: {
    skip 'mod_auth_mellon is not installed (Debian: libapache2-mod-auth-mellon)', 8 if !@mellon;
    my $with = server(first => load('auth_mellon'), conf => conf(@mellon))->start;
    tickets_work($with, 'MellonEnable info around it');
    like get($with, '/mellon-auth/plain.txt')->header('Location'), qr{^http://idp\.test/login\?SAMLRequest=|^http://localhost:\d+/mellon/login\?},
      'where AuthType Mellon stands, its users log in';
    is get($with, '/mellon-auth/plain.txt', Authorization => initiator('alice')->authorization)->status, 303, '... and a token is nothing to it';
}

# --- mod_auth_openidc -----------------------------------------------------------------------

sub openidc {
    return <<'CONF';
OIDCProviderIssuer "https://idp.test/"
OIDCProviderAuthorizationEndpoint "https://idp.test/login"
OIDCProviderTokenEndpoint "https://idp.test/token"
OIDCProviderJwksUri "https://idp.test/keys"
OIDCClientID web
OIDCClientSecret hush
OIDCSSLValidateServer Off
OIDCCryptoPassphrase hush
OIDCRedirectURI "/openidc/answer"
<Location "/openidc/">
    AuthType openid-connect
    Require valid-user
</Location>
CONF
}

SKIP: {
    skip 'mod_auth_openidc is not installed (Debian: libapache2-mod-auth-openidc)', 7 if !@openidc;
    my $with = server(first => load('auth_openidc'), conf => conf(@openidc))->start;
    tickets_work($with, 'mod_auth_openidc');
    is_deeply [ grep { /Negotiate/ } challenges_of($with, '/openidc/plain.txt') ], [], 'where AuthType openid-connect stands, nobody is asked for a ticket';
}

# --- what is common ---------------------------------------------------------------------------

sub load {
    return join '', map { "LoadModule ${_}_module $modules/mod_$_.so\n" } grep { -e "$modules/mod_$_.so" && $_ ne 'auth_basic' } @_;
}

sub conf {
    my ($more) = @_;
    return <<"CONF" . $more;
AuthNegotiateKeytab "\@keytab\@"
ScriptAliasMatch "^/\\w+/(env\\.pl)" "\@stage\@/cgi-bin/\$1"
AliasMatch "^/[\\w-]+/(plain\\.txt)" "\@stage\@/htdocs/\$1"
<LocationMatch "^/(?!none)[\\w-]+/">
    AuthName "test"
    AuthUserFile "@{[ users() ]}"
    Require valid-user
</LocationMatch>
<Location "/negotiate/">
    AuthType Negotiate
</Location>
CONF
}

sub users { return write_file(stage_dir() . '/neighbours', "anna:" . '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' . "\n") }

sub write_file {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
    chmod 0644, $file;
    return $file;
}

sub read_file { my ($file) = @_; open my $in, '<', $file or die "$file: $!\n"; local $/; return scalar <$in> }

sub get { my ($at, $path, @headers) = @_; return http(port => $at->port)->get($path, @headers) }
sub challenges_of { my ($at, $path) = @_; return get($at, $path)->challenges }

sub tickets_work {
    my ($at, $what) = @_;
    my $gss = initiator('alice');
    my $r   = get($at, '/negotiate/env.pl', Authorization => $gss->authorization);
    is $r->status, 200, "$what: a token: 200" or diag $r->body;
    is $r->env->{REMOTE_USER}, ALICE, '... alice';
    is $r->env->{AUTH_TYPE}, 'Negotiate', '... by Negotiate';
    ok $gss->finish($r) && $gss->mutual, '... with a final token';
    $r = get($at, '/negotiate/env.pl');
    is_deeply [ $r->status, $r->challenges ], [ 401, 'Negotiate' ], '... without one: 401, and a challenge';
    $r = get($at, '/negotiate/env.pl', Authorization => negotiate('junk'));
    is_deeply [ $r->status, $r->challenges ], [ 401, 'Negotiate oQcwBaADCgEC' ], '... with a bad one: 401, and a reject';
    return;
}

package NegTest::DoubleHop;

# A front that passes requests on to a back, with Negotiate on either side: for the demo and the
# benchmark. Needs a stage whose keytab has HTTP/localhost, and a KDC.

use strict;
use warnings;

use NegTest::Server;

use constant BACK_SERVICE => 'HTTP/back.example.test';

my $BACK = <<'END';
ScriptAlias "/hello" "@stage@/cgi-bin/env.pl"
Alias "/page.txt" "@stage@/htdocs/page.txt"
<Location "/">
    AuthType Negotiate
    AuthName "back"
    AuthNegotiateKeytab "@stage@/keytab/back.keytab"
    Require valid-user
</Location>
END

my $FRONT = <<'END';
<Location "/app">
    AuthType Negotiate
    AuthName "front"
    AuthNegotiateKeytab "@keytab@"
    AuthNegotiateProxyService HTTP@back.example.test
    Require valid-user
    ProxyPass "BACK"
</Location>
END

sub start {
    my ($class, $stage, $kdc, %opt) = @_;
    $kdc->add_principal(BACK_SERVICE);
    my $keytab = $stage->dir . '/keytab/back.keytab';
    $kdc->add_to_keytab($keytab, BACK_SERVICE);
    $stage->give_to_httpd($keytab, 0600);
    my @same  = (stage => $stage->dir, env => { $kdc->env });
    my $back  = NegTest::Server->new(@same, conf => $BACK . ($opt{back} || ''))->start;
    my $front = NegTest::Server->new(@same, conf => ($opt{front} || '') =~ s{BACK}{$back->url('')}ger
          . $FRONT =~ s{BACK}{$back->url('')}er)->start;
    return bless { front => $front, back => $back }, $class;
}

sub front { $_[0]{front} }
sub back  { $_[0]{back} }
sub stop  { my ($self) = @_; $_->stop for @$self{qw(front back)}; return }

1;

__END__

=head1 NAME

NegTest::DoubleHop - two servers in a row, and one user at both

=head1 SYNOPSIS

    my $hop = NegTest::DoubleHop->start($stage, $kdc);   # front => $text, back => $text: more of either
    $hop->front->url('/app/hello');                      # BACK in the front's text is the back's URL
    $hop->stop;

=cut
